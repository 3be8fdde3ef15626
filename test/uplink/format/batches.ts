import fc from 'fast-check'
import type { StoredReading } from '../../../src/base/reading.ts'
import type { Batch } from '../../../src/codec/batch.ts'
import { type UplinkSettings, uplink } from '../../../src/settings/schema/uplink.ts'
import type { Format, FormatDependencies } from '../../../src/uplink/format/format.ts'
import { makeFormat } from '../../../src/uplink/format/make-format.ts'
import { MetricRegistry } from '../../../src/uplink/format/metric-registry.ts'
import { build, ORIGIN, open, someReadings } from '../../codec/readings.ts'

/** The batch that comes out of the wire format for these readings; `seq` must rise. */
export function batchOf(readings: readonly StoredReading[]): Batch {
  return open(build(readings).bytes)
}

/** Readings of one metric, one per second from `ts` on; the given fields override the defaults. */
export function readings(
  values: readonly StoredReading['value'][],
  { seq = 1, ts = 1_750_000_000_000, ...more }: Partial<StoredReading> = {},
): StoredReading[] {
  const named = { device: 'press-1', metric: 'temperature', unit: 'Cel', quality: 1, reasons: 0 } as const
  return values.map((value, i) => ({ ...named, value, seq: seq + i, ts: ts + i * 1_000, ...more }))
}

/** Times that Sparkplug can carry, and all times of the wire format. */
export const someBatch = someReadings.map((all) => ({ all, batch: batchOf(all) }))

export const aSize = fc.oneof(fc.constant(131_072), fc.integer({ min: 128, max: 4_096 }))

/** The time of the formats' clock, UTC ms. */
export const NOW = 1_760_000_000_000

/** The settings of an uplink, as in a settings file. */
export function settingsOf(written: object): UplinkSettings {
  return uplink.parse({ url: 'mqtt://127.0.0.1:1', confirm: 'puback', ...written })
}

export function formatOf(written: object, more: Partial<FormatDependencies> = {}): Format {
  const dependencies = {
    edge: ORIGIN.edge,
    clock: { now: () => NOW },
    metricRegistry: new MetricRegistry(),
    bdSeq: 0,
  }
  const format = makeFormat(settingsOf(written), { ...dependencies, ...more })
  if (format === undefined) throw new Error('this uplink sends batches in the wire format')
  return format
}
