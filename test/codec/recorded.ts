import type { StoredReading } from '../../src/base/reading.ts'
import { recordedSeries } from '../../support/recorded-data.ts'

const SERIES = {
  ambient: 'ambient_temperature_system_failure',
  machine: 'machine_temperature_system_failure',
  cpu: 'ec2_cpu_utilization_24ae8d',
  occupancy: 'occupancy_6005',
  speed: 'speed_7578',
  counts: 'Twitter_volume_GOOG',
} as const
export type RecordedSeries = keyof typeof SERIES

/** A recorded series as an edge stores it when it is the only series in the log. */
export function recorded(series: RecordedSeries): StoredReading[] {
  const { rows } = recordedSeries().find(({ name }) => name === SERIES[series])!
  return rows.map(({ ts, text }, i): StoredReading => {
    const name = { device: `device-${series}`, metric: series, unit: undefined }
    return { ...name, seq: i + 1, ts, value: Number(text), quality: 1, reasons: 0 }
  })
}

/** All recorded series interleaved: one reading of each in turn. */
export function interleaved(): StoredReading[] {
  const all = (Object.keys(SERIES) as RecordedSeries[]).map(recorded)
  const longest = Math.max(...all.map((readings) => readings.length))
  const rows = Array.from({ length: longest }, (_, i) => all.flatMap((readings) => readings[i] ?? [])).flat()
  return rows.map((reading, i) => ({ ...reading, seq: i + 1 }))
}
