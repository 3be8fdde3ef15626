import type { BrokerKind } from './brokers.ts'
import type { CellResult } from './cell.ts'
import type { Fault } from './faults.ts'

const number = (value: number): string => value.toLocaleString('en-US')

export function cellText(fault: Fault, { lost, twice, readings, strikes, link, problems }: CellResult): string {
  const harm = fault.badLink === true ? link : `${strikes} faults`
  const more = problems.map((problem) => `; ${problem}`).join('')
  return `${number(lost)} lost, ${number(twice)} duplicated (${number(readings)} readings, ${harm})${more}`
}

/** A Markdown table with one row per fault and one column per broker. */
export function markdown(
  brokers: readonly BrokerKind[],
  faults: readonly Fault[],
  resultOf: (broker: BrokerKind, fault: Fault) => CellResult,
): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  const head = row(['', ...brokers.map(({ title }) => title)]) + row(['', ...brokers].map(() => '---'))
  const body = faults.map((fault) => row([fault.title, ...brokers.map((one) => cellText(fault, resultOf(one, fault)))]))
  return head + body.join('')
}
