import { doAll, type Steps } from '../base/loop/steps.ts'
import type { SeqRange } from '../base/reading.ts'
import { BATCH_ITEMS, COVERING_BATCH_VERSION } from './batch-builder.ts'
import { COLUMN_ABS_MAX, type Layout } from './columns/columns.ts'
import { checkRising, readRowColumns } from './columns/row-columns.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { readOrigin } from './origin.ts'
import type { Batch, SeriesBlock } from './series-block.ts'
import { decompress } from './zstd.ts'

/** A longer name of a device or metric, or a longer unit, is refused. Tidegate's edges send at most 128. */
const NAME_CHARS_MAX = 512

/** Series that are read in one step. */
const STEP_SERIES = 512

/** Positions count as close together if they span at most this many times their number. */
const MARKED_SPREAD_MAX = 4

export interface DecodeLimits {
  /** A batch with more readings is refused. */
  readonly readingsMax: number
  /** A batch with more ranges of positions is refused. Default: as many as readings. */
  readonly rangesMax?: number
  /** A batch that decompresses to more is refused before it is decompressed completely. */
  readonly bytesMax: number
}

export type DecodedBatch =
  | { readonly ok: true; readonly batch: Batch }
  | { readonly ok: false; readonly reason: string }

/** Decodes a batch. Never throws, whatever the bytes are; the limits bound time and memory. */
export function decodeBatch(bytes: Uint8Array, limits: DecodeLimits): DecodedBatch {
  return doAll(decodeInSteps(bytes, limits))
}

/** The same in steps. */
export function* decodeInSteps(bytes: Uint8Array, limits: DecodeLimits): Steps<DecodedBatch> {
  try {
    const cbor = new ItemReader(decompress(bytes, limits.bytesMax))
    yield
    return { ok: true, batch: yield* readBatch(cbor, limits) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function* readBatch(cbor: ItemReader, { readingsMax, rangesMax = readingsMax }: DecodeLimits): Steps<Batch> {
  const { covers, hasRange } = readVersion(cbor)
  const origin = readOrigin(cbor)
  const names = yield* readNames(cbor, readingsMax)
  const { layout, seq, ts, values, quality, reasons } = yield* readRowColumns(cbor, names.length, readingsMax)
  const found = rangesOf(seq, layout, covers ? readingsMax : rangesMax)
  if (found.length > rangesMax && !covers) throw new Malformed(`more than ${rangesMax} ranges of positions`)
  if (found.length === 0 && !hasRange) throw new Malformed('no readings')
  const ranges = covers ? [hasRange ? readRange(cbor, found) : spanOf(found)] : found
  cbor.end()
  yield
  const series: SeriesBlock[] = []
  for (const [s, name] of names.entries()) {
    if (s % STEP_SERIES === 0) yield
    const from = layout.starts[s]!
    const to = layout.starts[s + 1]!
    series.push({
      ...name,
      seq: seq.subarray(from, to),
      ts: ts.subarray(from, to),
      values: values.slice(from, to),
      quality: quality.subarray(from, to),
      reasons: reasons.subarray(from, to),
    })
  }
  return { ...origin, series, ranges, count: seq.length }
}

/** Versions 1 and 2 come from edges that were not updated yet; they are versions 3 and 4 without byte planes. */
const OLDEST = 1
const OLD_COVERING = 2
const NEWEST = COVERING_BATCH_VERSION

/**
 * Reads the beginning of a batch: whether the batch covers its gaps, and whether its last item is a covered range.
 * @throws Malformed
 */
export function readVersion(cbor: ItemReader): { covers: boolean; hasRange: boolean } {
  const items = cbor.array('batch')
  const version = cbor.uint('version')
  if (version < OLDEST || version > NEWEST) throw new Malformed(`version ${version} instead of ${OLDEST} to ${NEWEST}`)
  const covers = version === COVERING_BATCH_VERSION || version === OLD_COVERING
  const hasRange = covers && items === BATCH_ITEMS + 1
  if (!hasRange && items !== BATCH_ITEMS) throw new Malformed(`batch: ${items} instead of ${BATCH_ITEMS}`)
  return { covers, hasRange }
}

/** From the lowest to the highest position. */
function spanOf(found: readonly SeqRange[]): SeqRange {
  return { first: found[0]!.first, last: found.at(-1)!.last }
}

/** The range that a batch covers; all of its positions lie in it. */
function readRange(cbor: ItemReader, found: readonly SeqRange[]): SeqRange {
  cbor.arrayOf(2, 'covered range')
  const first = cbor.uint('covered range')
  const last = first + cbor.uint('covered range')
  const lowest = found[0]?.first ?? first
  const highest = found.at(-1)?.last ?? last
  if (first < 1 || last > COLUMN_ABS_MAX) throw new Malformed('a covered range beyond the valid positions')
  if (lowest < first || highest > last) throw new Malformed('a position outside the covered range')
  return { first, last }
}

type Name = Pick<SeriesBlock, 'device' | 'metric' | 'unit'>

export function* readNames(cbor: ItemReader, readingsMax: number): Steps<Name[]> {
  const seriesCount = cbor.array('devices')
  if (seriesCount > readingsMax) throw new Malformed(`more than ${readingsMax} series`)
  const devices = yield* readTexts(seriesCount, () => cbor.text('device', NAME_CHARS_MAX))
  cbor.arrayOf(seriesCount, 'metrics')
  const metrics = yield* readTexts(seriesCount, () => cbor.text('metric', NAME_CHARS_MAX))
  cbor.arrayOf(seriesCount, 'units')
  const units = yield* readTexts(seriesCount, () => cbor.textOrNull('unit', NAME_CHARS_MAX) ?? undefined)
  return devices.map((device, s) => ({ device, metric: metrics[s]!, unit: units[s] }))
}

function* readTexts<T>(count: number, read: () => T): Steps<T[]> {
  const texts: T[] = []
  while (texts.length < count) {
    if (texts.length % STEP_SERIES === 0) yield
    texts.push(read())
  }
  return texts
}

/** The positions of all series together, up to the first range beyond `rangesMax`. */
export function rangesOf(seq: Float64Array, layout: Layout, rangesMax: number): SeqRange[] {
  checkRising(seq, layout)
  if (seq.length === 0) return []
  return (
    rangesOfMarked(seq, rangesMax) ?? rangesOfRising(layout.seriesCount === 1 ? seq : seq.slice().sort(), rangesMax)
  )
}

/** Positions that are close together are marked in a bitmap, which is faster than sorting them. */
function rangesOfMarked(seq: Float64Array, rangesMax: number): SeqRange[] | undefined {
  let lowest = Infinity
  let highest = 0
  for (let i = 0; i < seq.length; i++) {
    if (seq[i]! < lowest) lowest = seq[i]!
    if (seq[i]! > highest) highest = seq[i]!
  }
  if (highest - lowest >= seq.length * MARKED_SPREAD_MAX) return undefined
  const marks = new Uint8Array(highest - lowest + 1)
  for (let i = 0; i < seq.length; i++) {
    const at = seq[i]! - lowest
    if (marks[at] === 1) throw new Malformed('a position occurs twice')
    marks[at] = 1
  }
  const ranges: SeqRange[] = []
  for (let first = 0; first >= 0 && ranges.length <= rangesMax; ) {
    const gap = marks.indexOf(0, first)
    const last = (gap < 0 ? marks.length : gap) - 1
    ranges.push({ first: lowest + first, last: lowest + last })
    first = gap < 0 ? -1 : marks.indexOf(1, gap)
  }
  return ranges
}

function rangesOfRising(all: Float64Array, rangesMax: number): SeqRange[] {
  const ranges: SeqRange[] = []
  let first = all[0]!
  for (let i = 1; i <= all.length && ranges.length <= rangesMax; i++) {
    if (all[i] === all[i - 1]! + 1) continue
    if (all[i] === all[i - 1]) throw new Malformed('a position occurs twice')
    ranges.push({ first, last: all[i - 1]! })
    first = all[i]!
  }
  return ranges
}
