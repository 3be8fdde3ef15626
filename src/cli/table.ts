export type Cell = string | number

/** A table in fixed-width columns: text to the left, numbers to the right. `foot` is a last row below a rule. */
export function textTable(head: readonly string[], rows: readonly (readonly Cell[])[], foot?: readonly Cell[]): string {
  const all = [head, ...rows, ...(foot === undefined ? [] : [foot])]
  const widths = head.map((_, column) => Math.max(...all.map((row) => String(row[column] ?? '').length)))
  const rightward = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'))
  const line = (row: readonly Cell[]): string =>
    widths
      .map((width, column) => {
        const text = String(row[column] ?? '')
        return rightward[column] ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))
  return [line(head), rule, ...rows.map(line), ...(foot === undefined ? [] : [rule, line(foot)])].join('\n')
}

/** A text of somebody else in one line of a terminal: control characters are shown, what is too long is cut. */
export function oneLine(text: string, charsMax: number): string {
  const shown = text.replaceAll(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return shown.length > charsMax ? `${shown.slice(0, charsMax - 1)}…` : shown
}
