import type { Result } from './play.ts'

/** What an attack may cost the others. */
export const P99_MS_MAX = 250
export const MAX_MS_MAX = 1_000
export const RSS_MB_MAX = 300

/** What is wrong with a result; empty: the attack cost the others nothing. */
export function problemsOf({ p99, max, rssMb, exit, lost, unanswered, harms }: Result): string[] {
  return [
    ...(p99 < P99_MS_MAX ? [] : [`p99 ${ms(p99)}`]),
    ...(max < MAX_MS_MAX ? [] : [`max ${ms(max)}`]),
    ...(rssMb === undefined || rssMb < RSS_MB_MAX ? [] : [`RSS ${Math.round(rssMb)} MB`]),
    ...(exit === undefined ? [] : [`exit code ${exit}`]),
    ...(lost === 0 ? [] : [`${lost} lost`]),
    ...(unanswered === 0 ? [] : [`${unanswered} not acknowledged`]),
    ...harms,
  ]
}

const ms = (value: number): string => `${Math.round(value).toLocaleString('en-US')} ms`

export function lineOf(result: Result): string {
  const problems = problemsOf(result)
  const verdict = problems.length === 0 ? 'held' : `NOT HELD: ${problems.join(', ')}`
  return `${result.attack.key}: ${ms(result.p50)}, ${ms(result.p99)}, ${ms(result.max)}; ${verdict} (${result.remark})`
}

const VICTIMS = { edge: 'a device', uplink: 'the cloud', receiver: 'an edge' } as const

/** A Markdown table, one row per attack. */
export function markdown(results: readonly Result[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  const head = row(['attack', 'from', 'p50', 'p99', 'max', 'RSS max', 'alive', 'lost', 'unanswered', 'held'])
  const body = results.map((result) =>
    row([
      result.attack.title,
      VICTIMS[result.attack.victim],
      ms(result.p50),
      ms(result.p99),
      ms(result.max),
      result.rssMb === undefined ? 'not known' : `${Math.round(result.rssMb)} MB`,
      result.exit === undefined ? 'yes' : `exit code ${result.exit}`,
      `${result.lost}`,
      `${result.unanswered}`,
      problemsOf(result).length === 0 ? 'yes' : `**no**${result.harms.map((harm) => `; ${harm}`).join('')}`,
    ]),
  )
  return `${head}|---|---|--:|--:|--:|--:|---|--:|--:|---|\n${body.join('')}`
}
