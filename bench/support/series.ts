import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedSeries } from './generated-series.ts'

export interface Sample {
  /** UTC milliseconds. */
  readonly ts: number
  /** The number as a device writes it. */
  readonly value: string
}

/**
 * The series that the benches publish and store, by name: generated ones, or with `--data FOLDER` (for child processes
 * `BENCH_DATA`) recordings.
 */
export function benchSeries(): ReadonlyMap<string, readonly Sample[]> {
  const { BENCH_DATA: folder } = process.env
  return folder === undefined ? generatedSeries() : recordedSeries(folder)
}

/** The CSV files of a folder, by name without `.csv`. Each has the header `timestamp,value` and UTC times without a zone. */
function recordedSeries(folder: string): Map<string, readonly Sample[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.csv'))
  if (files.length === 0) throw new Error(`${folder} has no CSV files`)
  return new Map(
    files.map((file) => [
      file.slice(0, -'.csv'.length),
      samplesOf(join(folder, file), readFileSync(join(folder, file), 'utf8')),
    ]),
  )
}

function samplesOf(file: string, csv: string): Sample[] {
  const [, ...lines] = csv.trim().split(/\r?\n/)
  return lines.map((line, i) => {
    const [time = '', value = ''] = line.split(',')
    const ts = Date.parse(`${time.replace(' ', 'T')}Z`)
    if (Number.isNaN(ts) || value === '' || Number.isNaN(Number(value))) {
      throw new Error(`${file}, line ${i + 2}: "${line}" is not a UTC time and a number`)
    }
    return { ts, value }
  })
}

export function jsonPayload({ value, ts }: Sample): string {
  return `{"value":${value},"ts":${ts}}`
}

/** A temperature in a random walk, two decimals; the same numbers in every run. */
export function randomWalk(seed: number): () => string {
  let state = seed + 1
  let hundredths = 2_000 + seed * 10
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    hundredths += ((state >>> 16) % 11) - 5
    return (hundredths / 100).toFixed(2)
  }
}
