import { cpus } from 'node:os'

/** The middle one; of an even number of numbers, the lower one of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

/** The machine, and the day of the run (UTC). */
export function machine(): { node: string; cpus: number; cpu: string; date: string } {
  const date = new Date().toISOString().slice(0, 10)
  return { node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model ?? 'unknown', date }
}

/** The same in one line, for the report. */
export function machineLine(): string {
  const { node, cpus, cpu, date } = machine()
  return `Node ${node.slice(1)}, ${cpus} cores (${cpu.trim()}), ${date}`
}

/** Rounded to this number of significant digits, thousands grouped; `–` where there is no figure. */
export function figure(number: number, digits = 3): string {
  if (Number.isNaN(number)) return '–'
  return Number(number.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** A table in Markdown, so that it can be copied into a document; the first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** Progress goes to standard error; standard output has the result only. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
