import type { Output } from '../../output.ts'
import { type Cell, TableWriter } from '../../table.ts'

/** How rows of one kind are formatted: as a table, as CSV, as JSON. */
export interface RowShape<T> {
  readonly head: readonly string[]
  cells(row: T): readonly Cell[]
  readonly csvHead: string
  /** A line of CSV. */
  csv(row: T): string
  json(row: T): string
}

export type RowFormat = 'table' | 'csv' | 'json'

export interface PrintResult {
  readonly rows: number
  /** There were more rows than the limit. */
  readonly cut: boolean
}

/** Prints rows page by page, up to the limit or until the reader closes the pipe. */
export async function printRows<T>(
  pages: Iterable<readonly T[]>,
  shape: RowShape<T>,
  { format, limit, output }: { readonly format: RowFormat; readonly limit: number; readonly output: Output },
): Promise<PrintResult> {
  const print = printers[format](shape, output)
  let rows = 0
  let cut = false
  for (const page of pages) {
    const some = page.length > limit - rows ? page.slice(0, limit - rows) : page
    if (some.length > 0) print.rows(some)
    rows += some.length
    cut = some.length < page.length
    if (cut || !(await output.drained())) break
  }
  print.end()
  return { rows, cut }
}

interface Printer<T> {
  rows(some: readonly T[]): void
  end(): void
}

const printers: Readonly<Record<RowFormat, <T>(shape: RowShape<T>, output: Output) => Printer<T>>> = {
  table: ({ head, cells }, output) => {
    const table = new TableWriter(head)
    return { rows: (some) => output.print(table.lines(some.map(cells))), end: () => undefined }
  },
  csv: ({ csvHead, csv }, output) => {
    output.data(csvHead)
    return {
      rows: (some) => output.data(some.map(csv).join('\n')),
      end: () => undefined,
    }
  },
  json: ({ json }, output) => {
    let before = '['
    return {
      rows: (some) => {
        output.print(`${before}${some.map((row) => `\n  ${json(row)}`).join(',')}`)
        before = ','
      },
      end: () => output.print(before === '[' ? '[]' : ']'),
    }
  },
}
