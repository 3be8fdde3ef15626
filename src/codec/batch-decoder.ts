import type { SeqRange, Value } from '../base/reading.ts'
import { BATCH_ITEMS, BATCH_VERSION } from './batch-builder.ts'
import { intsOf, type Layout, unpack, unpackSums } from './columns.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { POWERS_OF_TEN, unpackDoubles } from './numbers.ts'
import { readOrigin } from './origin.ts'
import { readPlaces } from './places.ts'
import type { Batch, SeriesBlock } from './series-block.ts'
import { readVerdicts } from './verdicts.ts'
import { decompress } from './zstd.ts'

export interface DecodeLimits {
  /** A batch of more readings is refused. */
  readonly readingsMax: number
  /** A batch that unpacks to more is refused before it does. */
  readonly bytesMax: number
}

export type DecodedBatch =
  | { readonly ok: true; readonly batch: Batch }
  | { readonly ok: false; readonly reason: string }

/** Opens a batch. Never throws, whatever the bytes are; time and memory are bounded by the limits. */
export function decodeBatch(bytes: Uint8Array, limits: DecodeLimits): DecodedBatch {
  try {
    return { ok: true, batch: readBatch(new ItemReader(decompress(bytes, limits.bytesMax)), limits.readingsMax) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function readBatch(cbor: ItemReader, readingsMax: number): Batch {
  cbor.arrayOf(BATCH_ITEMS, 'batch')
  const version = cbor.uint('version')
  if (version !== BATCH_VERSION) throw new Malformed(`version ${version} instead of ${BATCH_VERSION}`)
  const origin = readOrigin(cbor)
  const names = readNames(cbor, readingsMax)
  const layout = readLayout(cbor, names.length, readingsMax)
  const count = layout.starts[layout.seriesCount]!
  cbor.arrayOf(3, 'seq')
  const seq = unpackSums(cbor, layout, 'seq')
  cbor.arrayOf(3, 'ts')
  const ts = unpackSums(cbor, layout, 'ts')
  const values = readValues(cbor, layout)
  const { quality, reasons } = readVerdicts(cbor, count)
  cbor.end()
  const ranges = rangesOf(seq, layout)
  const series = names.map((name, s): SeriesBlock => {
    const from = layout.starts[s]!
    const to = layout.starts[s + 1]!
    return {
      ...name,
      seq: seq.subarray(from, to),
      ts: ts.subarray(from, to),
      values: values.slice(from, to),
      quality: quality.subarray(from, to),
      reasons: reasons.subarray(from, to),
    }
  })
  return { ...origin, series, ranges, count }
}

type Name = Pick<SeriesBlock, 'device' | 'metric' | 'unit'>

function readNames(cbor: ItemReader, readingsMax: number): Name[] {
  const seriesCount = cbor.array('devices')
  if (seriesCount > readingsMax) throw new Malformed(`more than ${readingsMax} series`)
  const devices = Array.from({ length: seriesCount }, () => cbor.text('device'))
  cbor.arrayOf(devices.length, 'metrics')
  const metrics = devices.map(() => cbor.text('metric'))
  cbor.arrayOf(devices.length, 'units')
  return devices.map((device, s) => ({ device, metric: metrics[s]!, unit: cbor.textOrNull('unit') ?? undefined }))
}

/** How many readings each series has. */
function readLayout(cbor: ItemReader, seriesCount: number, readingsMax: number): Layout {
  const counts = intsOf(cbor, seriesCount, 'counts')
  const starts = new Uint32Array(seriesCount + 1)
  let total = 0
  for (let s = 0; s < seriesCount; s++) {
    if (counts[s]! < 1) throw new Malformed('a series without readings')
    total += counts[s]!
    if (total > readingsMax) throw new Malformed(`more than ${readingsMax} readings`)
    starts[s + 1] = total
  }
  if (total === 0) throw new Malformed('no readings')
  return { seriesCount, starts }
}

function readValues(cbor: ItemReader, layout: Layout): Value[] {
  const { seriesCount, starts } = layout
  cbor.arrayOf(5, 'numbers')
  const numbers = unpack(cbor, layout, 'numbers')
  const exponents = intsOf(cbor, seriesCount, 'exponents')
  const values = new Array<Value>(numbers.length)
  for (let s = 0; s < seriesCount; s++) {
    const power = POWERS_OF_TEN[exponents[s]!]
    if (power === undefined) throw new Malformed(`exponent ${exponents[s]}`)
    for (let i = starts[s]!; i < starts[s + 1]!; i++) values[i] = numbers[i]! / power
  }
  readDoubles(cbor, values)
  readOthers(cbor, values)
  return values
}

function readDoubles(cbor: ItemReader, values: Value[]): void {
  cbor.arrayOf(2, 'doubles')
  const places = readPlaces(cbor, values.length)
  const planes = cbor.byteString('doubles')
  if (planes.length !== places.length * 8) throw new Malformed('doubles do not fit their places')
  const doubles = unpackDoubles(planes)
  if (doubles.includes(Number.NaN)) throw new Malformed('NaN')
  for (let k = 0; k < places.length; k++) values[places[k]!] = doubles[k]!
}

function readOthers(cbor: ItemReader, values: Value[]): void {
  cbor.arrayOf(2, 'other values')
  const places = readPlaces(cbor, values.length)
  cbor.arrayOf(places.length, 'other values')
  for (const place of places) values[place] = cbor.scalar('value')
}

/** The positions of all series together. */
function rangesOf(seq: Float64Array, { seriesCount, starts }: Layout): SeqRange[] {
  for (let s = 0; s < seriesCount; s++) {
    let last = 0
    for (let i = starts[s]!; i < starts[s + 1]!; i++) {
      if (seq[i]! <= last) throw new Malformed('positions do not rise')
      last = seq[i]!
    }
  }
  const all = seriesCount === 1 ? seq : seq.slice().sort()
  const ranges: SeqRange[] = []
  let first = all[0]!
  for (let i = 1; i <= all.length; i++) {
    if (all[i] === all[i - 1]! + 1) continue
    if (all[i] === all[i - 1]) throw new Malformed('a position occurs twice')
    ranges.push({ first, last: all[i - 1]! })
    first = all[i]!
  }
  return ranges
}
