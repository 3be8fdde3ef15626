import { cpus } from 'node:os'

/** The middle one; of an even number the lower of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

/** What the numbers were measured on. */
export function machine(): { node: string; cpus: number; cpu: string } {
  return { node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model ?? 'unknown' }
}

/** Rounded to so many significant digits, thousands grouped. */
export function figure(number: number, digits = 3): string {
  return Number(number.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** A table of Markdown, so that it can be put into a document as it is; the first column left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** Progress goes to standard error; standard output carries the result alone. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
