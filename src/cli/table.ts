import { oneLine } from '../base/text/one-line.ts'

export type Cell = string | number

/** A longer cell is cut. Commands cut most cells earlier. */
const CELL_CHARS_MAX = 1_000

/** A table in fixed-width columns: text is left-aligned, numbers right-aligned. `foot` is a last row below a rule. */
export function textTable(head: readonly string[], rows: readonly (readonly Cell[])[], foot?: readonly Cell[]): string {
  const table = new TableWriter(head, foot)
  const text = table.lines(rows)
  return foot === undefined ? text : [text, table.foot(foot)].join('\n')
}

/** The same, page by page: the first page sets the column widths; a longer cell in a later page shifts the rest of its row. */
export class TableWriter {
  readonly #head: readonly string[]
  readonly #foot: readonly Cell[]
  #columns: readonly { readonly width: number; readonly rightward: boolean }[] | undefined

  constructor(head: readonly string[], foot: readonly Cell[] = []) {
    this.#head = head
    this.#foot = foot
  }

  /** The next rows as lines; the first call also returns the head. */
  lines(rows: readonly (readonly Cell[])[]): string {
    if (this.#columns !== undefined) return rows.map((row) => this.#line(row)).join('\n')
    const all = [this.#head, ...rows, this.#foot]
    this.#columns = this.#head.map((_, column) => ({
      width: all.reduce((width, row) => Math.max(width, shownCell(row[column]).length), 0),
      rightward: rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
    }))
    return [this.#line(this.#head), this.#rule(), ...rows.map((row) => this.#line(row))].join('\n')
  }

  foot(row: readonly Cell[]): string {
    return [this.#rule(), this.#line(row)].join('\n')
  }

  #line(row: readonly Cell[]): string {
    const cells = this.#columns!.map(({ width, rightward }, column) => {
      const text = shownCell(row[column])
      return rightward ? text.padStart(width) : text.padEnd(width)
    })
    return cells.join('  ').trimEnd()
  }

  #rule(): string {
    return '─'.repeat(this.#columns!.reduce((sum, { width }) => sum + width + 2, -2))
  }
}

/** Texts in a table may come from outside: a name, a topic, a reason. */
function shownCell(cell: Cell = ''): string {
  return typeof cell === 'number' ? String(cell) : oneLine(cell, CELL_CHARS_MAX)
}
