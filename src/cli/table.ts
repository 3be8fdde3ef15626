export type Cell = string | number

/** A table in fixed-width columns: text to the left, numbers to the right. `foot` is a last row below a rule. */
export function textTable(head: readonly string[], rows: readonly (readonly Cell[])[], foot?: readonly Cell[]): string {
  const table = new TableWriter(head, foot)
  const text = table.lines(rows)
  return foot === undefined ? text : [text, table.foot(foot)].join('\n')
}

/** The same, a page at a time: columns are as wide as the first page needs, and give way where a later one needs more. */
export class TableWriter {
  readonly #head: readonly string[]
  readonly #foot: readonly Cell[]
  #columns: readonly { readonly width: number; readonly rightward: boolean }[] | undefined

  constructor(head: readonly string[], foot: readonly Cell[] = []) {
    this.#head = head
    this.#foot = foot
  }

  /** The next rows as lines; before the first ones the head. */
  lines(rows: readonly (readonly Cell[])[]): string {
    if (this.#columns !== undefined) return rows.map((row) => this.#line(row)).join('\n')
    const all = [this.#head, ...rows, this.#foot]
    this.#columns = this.#head.map((_, column) => ({
      width: all.reduce((width, row) => Math.max(width, String(row[column] ?? '').length), 0),
      rightward: rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
    }))
    return [this.#line(this.#head), this.#rule(), ...rows.map((row) => this.#line(row))].join('\n')
  }

  foot(row: readonly Cell[]): string {
    return [this.#rule(), this.#line(row)].join('\n')
  }

  #line(row: readonly Cell[]): string {
    const cells = this.#columns!.map(({ width, rightward }, column) => {
      const text = String(row[column] ?? '')
      return rightward ? text.padStart(width) : text.padEnd(width)
    })
    return cells.join('  ').trimEnd()
  }

  #rule(): string {
    return '─'.repeat(this.#columns!.reduce((sum, { width }) => sum + width + 2, -2))
  }
}

/** A text of somebody else in one line of a terminal: control characters are shown, what is too long is cut. */
export function oneLine(text: string, charsMax: number): string {
  const shown = text.replaceAll(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return shown.length > charsMax ? `${shown.slice(0, charsMax - 1)}…` : shown
}
