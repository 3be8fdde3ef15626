import { SeqSet } from '../../src/base/ranges.ts'
import type { Amendment, Quality, StoredReading } from '../../src/base/reading.ts'
import { encodeAmendments } from '../../src/codec/amendments.ts'
import { type Batch, BatchBuilder, decodeBatch, type Origin } from '../../src/codec/batch.ts'
import type { Delivery } from '../../src/receiver/sink.ts'

export const EDGE = 'plant-7'
export const EPOCH = 'epoch-1'
export const RUN = 'run-1'

/** A reading of the log; fields that are not given follow from its position. */
export function reading(seq: number, more: Partial<StoredReading> = {}): StoredReading {
  const ts = 1_700_000_000_000 + seq
  const name = { device: `pump-${seq % 3}`, metric: 'temperature', unit: 'Cel' }
  return { seq, ...name, ts, value: seq / 10, quality: 1, reasons: 0, ...more }
}

export function readings(first: number, last: number): StoredReading[] {
  return Array.from({ length: last - first + 1 }, (_, i) => reading(first + i))
}

/** A batch as the codec returns it, without encoding and decoding. */
export function batchOf(all: readonly StoredReading[], { edge = EDGE, epoch = EPOCH, run = RUN } = {}): Batch {
  const names = [...new Set(all.map(({ device, metric, unit }) => JSON.stringify([device, metric, unit ?? null])))]
  const series = names.map((name) => {
    const [device, metric, unit] = JSON.parse(name) as [string, string, string | null]
    const rows = all.filter((one) => one.device === device && one.metric === metric && (one.unit ?? null) === unit)
    return {
      device,
      metric,
      unit: unit ?? undefined,
      seq: Float64Array.from(rows, ({ seq }) => seq),
      ts: Float64Array.from(rows, ({ ts }) => ts),
      values: rows.map(({ value }) => value),
      quality: Uint8Array.from(rows, ({ quality }) => quality),
      reasons: Uint32Array.from(rows, ({ reasons }) => reasons),
    }
  })
  const ranges = [...new SeqSet(all.map(({ seq }) => ({ first: seq, last: seq })))]
  return { edge, epoch, run, series, ranges, count: all.length }
}

export function batch(all: readonly StoredReading[], from?: Partial<Origin>): Delivery {
  return { kind: 'batch', batch: batchOf(all, from) }
}

export function verdict(seq: number, quality: Quality, reasons: number): Amendment {
  return { seq, quality, reasons }
}

export function amendments(...items: Amendment[]): Delivery {
  return { kind: 'amendments', amendments: { edge: EDGE, epoch: EPOCH, run: RUN, first: 1, last: items.length, items } }
}

/** A batch as an edge sends it. */
export function encoded(all: readonly StoredReading[], { edge = EDGE, epoch = EPOCH, run = RUN } = {}): Uint8Array {
  const builder = new BatchBuilder({ edge, epoch, run })
  const keys = new Map<string, number>()
  for (const one of all) {
    const { device, metric, unit, seq, ts, value, quality, reasons } = one
    const name = JSON.stringify([device, metric, unit])
    if (!keys.has(name)) keys.set(name, keys.size)
    builder.add(keys.get(name)!, seq, ts, value, quality, reasons)
  }
  const names = new Map(all.map((one) => [keys.get(JSON.stringify([one.device, one.metric, one.unit]))!, one]))
  const { bytes } = builder.build((key) => names.get(key)!)
  if (!decodeBatch(bytes, { readingsMax: 1e6, bytesMax: 1e8 }).ok) throw new Error('the test made a bad batch')
  return bytes
}

export function encodedAmendments(first: number, items: readonly Amendment[], { run = RUN } = {}): Uint8Array {
  return encodeAmendments({ edge: EDGE, epoch: EPOCH, run, first, last: first + items.length - 1, items })
}
