import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe } from 'vitest'
import { ROOT } from './process.ts'

/** Recorded real telemetry is in a folder next to the checkout, not in it. */
const FOLDER = join(ROOT, '../shared/data')

const FILES = [
  'Twitter_volume_GOOG.csv',
  'ambient_temperature_system_failure.csv',
  'ec2_cpu_utilization_24ae8d.csv',
  'machine_temperature_system_failure.csv',
  'occupancy_6005.csv',
  'speed_7578.csv',
]

export interface RecordedSeries {
  /** The name of the file without its extension. */
  readonly name: string
  /** `text` is the number as in the file; `ts` UTC milliseconds. */
  readonly rows: readonly { readonly ts: number; readonly text: string }[]
}

/** All recorded series. */
export function recordedSeries(): RecordedSeries[] {
  return FILES.map((file) => ({
    name: basename(file, '.csv'),
    rows: readFileSync(join(FOLDER, file), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [time, text] = line.trim().split(',') as [string, string]
        return { ts: Date.parse(`${time.replace(' ', 'T')}Z`), text }
      }),
  }))
}

/** A suite on recorded data, skipped by name when the folder is missing. */
export function describeRecorded(name: string, suite: () => void): void {
  const there = FILES.every((file) => existsSync(join(FOLDER, file)))
  describe.skipIf(!there)(there ? name : `${name} (skipped: ../shared/data is missing)`, suite)
}
