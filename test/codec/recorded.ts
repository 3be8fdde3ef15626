import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'

const FOLDER = join(import.meta.dirname, '../../../shared/data')

export const SERIES = {
  ambient: 'ambient_temperature_system_failure.csv',
  machine: 'machine_temperature_system_failure.csv',
  cpu: 'ec2_cpu_utilization_24ae8d.csv',
  occupancy: 'occupancy_6005.csv',
  speed: 'speed_7578.csv',
  counts: 'Twitter_volume_GOOG.csv',
} as const
export type RecordedSeries = keyof typeof SERIES

/** A suite over recorded series; where they are missing it is skipped under a name that says why. */
export function describeRecorded(name: string, suite: () => void): void {
  if (existsSync(FOLDER)) describe(name, suite)
  else describe.skip(`${name} (skipped: no recorded series in ../shared/data)`, suite)
}

/** A recorded series as an edge would have stored it, alone in its log. */
export function recorded(series: RecordedSeries): StoredReading[] {
  const lines = readFileSync(join(FOLDER, SERIES[series]), 'utf8').trim().split('\n').slice(1)
  return lines.map((line, i): StoredReading => {
    const [time, value] = line.split(',')
    const ts = Date.parse(`${time!.replace(' ', 'T')}Z`)
    const name = { device: `device-${series}`, metric: series, unit: undefined }
    return { ...name, seq: i + 1, ts, value: Number(value), quality: 1, reasons: 0 }
  })
}

/** All recorded series at once: one reading of each in turn. */
export function interleaved(): StoredReading[] {
  const all = (Object.keys(SERIES) as RecordedSeries[]).map(recorded)
  const longest = Math.max(...all.map((readings) => readings.length))
  const rows = Array.from({ length: longest }, (_, i) => all.flatMap((readings) => readings[i] ?? [])).flat()
  return rows.map((reading, i) => ({ ...reading, seq: i + 1 }))
}
