import fc from 'fast-check'
import type { Quality, StoredReading, Value } from '../../src/base/reading.ts'
import {
  type Batch,
  BatchBuilder,
  type BuiltBatch,
  type Covers,
  decodeBatch,
  type Origin,
} from '../../src/codec/batch.ts'

export const ORIGIN: Origin = { edge: 'plant-7', epoch: 'aB3_dEfGhI12', run: 'Zy9-xWvUtS87' }

/** Limits that no valid batch of these tests reaches. */
export const AMPLE = { readingsMax: 1_000_000, bytesMax: 64_000_000 }

/** Readings of one series with good quality, one a second. */
export function series(values: readonly Value[]): StoredReading[] {
  const name = { device: 'press-1', metric: 'temperature', unit: 'Cel' }
  return values.map((value, i): StoredReading => {
    return { ...name, seq: i + 1, ts: 1_750_000_000_000 + i * 1_000, value, quality: 1, reasons: 0 }
  })
}

/** Adds the readings and builds the batch; device, metric and unit identify a series. */
export function buildWith(
  builder: BatchBuilder,
  readings: readonly StoredReading[],
  options?: { readonly covers: Covers },
): BuiltBatch {
  const keys = new Map<string, number>()
  const names: StoredReading[] = []
  for (const reading of readings) {
    const name = JSON.stringify([reading.device, reading.metric, reading.unit])
    if (!keys.has(name)) keys.set(name, names.push(reading) - 1)
    const { seq, ts, value, quality, reasons } = reading
    builder.add(keys.get(name)!, seq, ts, value, quality, reasons)
  }
  return builder.build((key) => names[key]!, options)
}

export function build(readings: readonly StoredReading[]): BuiltBatch {
  return buildWith(new BatchBuilder(ORIGIN), readings)
}

/** Decodes a batch that must be valid. */
export function open(bytes: Uint8Array): Batch {
  const decoded = decodeBatch(bytes, AMPLE)
  if (!decoded.ok) throw new Error(decoded.reason)
  return decoded.batch
}

/** The readings of a batch in the order of their positions. */
export function readingsOf(batch: Batch): StoredReading[] {
  return batch.series
    .flatMap(({ device, metric, unit, seq, ts, values, quality, reasons }) =>
      values.map((value, i): StoredReading => {
        const verdict = { quality: quality[i] as Quality, reasons: reasons[i]! }
        return { seq: seq[i]!, device, metric, unit, value, ts: ts[i]!, ...verdict }
      }),
    )
    .sort((a, b) => a.seq - b.seq)
}

const COLUMN_ABS_MAX = 2 ** 51 - 1
const decimal = fc
  .tuple(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.integer({ min: 0, max: 9 }))
  .map(([whole, exponent]) => whole / 10 ** exponent)
const double = fc.double({ noNaN: true })
const edgeDouble = fc.constantFrom(-0, 0, 5e-324, -5e-324, 2 ** 51, -(2 ** 51), 2 ** 53, 1e22, 1e23, 74.93588199999998)
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const bytes = fc.uint8Array({ maxLength: 40 })

const kinds: readonly fc.Arbitrary<Value>[] = [
  decimal,
  fc.integer({ min: 1500, max: 2500 }).map((hundredths) => hundredths / 100),
  fc.maxSafeInteger(),
  double,
  fc.oneof(decimal, edgeDouble),
  fc.boolean(),
  text,
  bytes,
  fc.oneof(decimal, fc.constant(null)),
  fc.oneof(double, edgeDouble, decimal, fc.boolean(), text, bytes, fc.constant(null)),
]

const quality = fc.constantFrom<Quality>(1, 1, 1, 2, 3, 4, 9)
const reasons = fc.oneof(fc.constant(0), fc.constant(1 << 22), fc.nat(), fc.constant(0xffff_ffff))
const ts = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1_750_000_000_000, max: 1_750_000_100_000 }) },
  { weight: 1, arbitrary: fc.constant(1_750_000_000_000) },
  { weight: 1, arbitrary: fc.integer({ min: -COLUMN_ABS_MAX, max: COLUMN_ABS_MAX }) },
)
const gap = fc.oneof(fc.constant(1), fc.constant(1), fc.integer({ min: 1, max: 1e12 }))
const name = fc.string({ unit: 'grapheme', maxLength: 12 })

/** Readings of up to five series, each with its own kind of value, interleaved, in ascending positions with gaps. */
export const someReadings: fc.Arbitrary<StoredReading[]> = fc
  .uniqueArray(
    fc.record({
      device: name,
      metric: name,
      unit: fc.option(name, { nil: undefined }),
      kind: fc.nat(kinds.length - 1),
    }),
    { minLength: 1, maxLength: 5, selector: ({ device, metric, unit }) => JSON.stringify([device, metric, unit]) },
  )
  .chain((series) => {
    const reading = fc.integer({ min: 0, max: series.length - 1 }).chain((index) => {
      const { kind, ...named } = series[index]!
      return fc.record({ named: fc.constant(named), gap, ts, value: kinds[kind]!, quality, reasons })
    })
    return fc.array(reading, { minLength: 1, maxLength: 120 })
  })
  .map((rows) => {
    let seq = 0
    return rows.map(({ named, gap, ...rest }) => {
      seq += gap
      return { ...named, ...rest, seq }
    })
  })
