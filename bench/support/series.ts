import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../support/process.ts'

export interface Sample {
  /** UTC milliseconds. */
  readonly ts: number
  /** As the file spells it. */
  readonly value: string
}

export const DATA_FOLDER = join(ROOT, '../shared/data')

/** Recorded series by file name; a CSV with the header `timestamp,value` and UTC times without a zone. */
export function recordedSeries(folder = DATA_FOLDER): Map<string, readonly Sample[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.csv'))
  return new Map(
    files.map((file) => [file.slice(0, -'.csv'.length), samplesOf(readFileSync(join(folder, file), 'utf8'))]),
  )
}

function samplesOf(csv: string): Sample[] {
  const [, ...lines] = csv.trim().split(/\r?\n/)
  return lines.map((line) => {
    const [time, value] = line.split(',') as [string, string]
    return { ts: Date.parse(`${time.replace(' ', 'T')}Z`), value }
  })
}

export function jsonPayload({ value, ts }: Sample): string {
  return `{"value":${value},"ts":${ts}}`
}

/** A temperature that wanders, two decimals; the same numbers at every run. */
export function wanderer(seed: number): () => string {
  let state = seed + 1
  let hundredths = 2_000 + seed * 10
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    hundredths += ((state >>> 16) % 11) - 5
    return (hundredths / 100).toFixed(2)
  }
}
