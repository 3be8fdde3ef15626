import type { LoopShare } from '../../base/loop/loop-share.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { SeriesBlock } from '../../codec/batch.ts'
import { encodeItem } from '../../codec/item.ts'
import { ItemReader } from '../../codec/item-reader.ts'
import { compress, decompress } from '../../codec/zstd.ts'
import type { Prepare } from './schema.ts'

/** Readings of open stretches that are kept in memory, at most: amendments concern neighbours. */
const OPEN_READINGS_MAX = 200_000
/** Rows that one step of a search reads. */
const PAGE_ROWS = 2_000
/** A stretch with more bytes than this is compressed. */
const PLAIN_BYTES_MAX = 128
/** Bytes that a stretch of a batch may unpack to; real stretches need far fewer. */
const UNPACKED_BYTES_MAX = 268_435_456
const ZSTD_MAGIC = 0x28
const OLD_COLUMNS = 4
/**
 * Times of one series in a stretch that are further apart than this belong to different spans (milliseconds). It
 * bounds how many other readings a span covers: at most those of one device in an hour, for each reading of the
 * stretch.
 */
const SPAN_GAP_MS = 3_600_000

/** Where the reading of a position is in the table of readings. */
export interface SqlitePlace {
  readonly series: number
  readonly ts: number
}

export interface PlacedBlock {
  readonly series: number
  readonly block: SeriesBlock
}

/** The readings of one stretch, in columns. */
interface OpenStretch {
  readonly log: number
  readonly first: Seq
  /** Position to row. */
  readonly rows: Map<Seq, number>
  readonly series: number[]
  readonly ts: number[]
}

/** The first and the last time at which a stretch has readings of a series. */
interface Span {
  readonly series: number
  readonly from: number
  readonly to: number
}

/** For each of some ranges, its spans; undefined: none. */
type Spans = (Span[] | undefined)[]

/**
 * Finds the reading of a position. For each stretch that arrived in one batch it stores the times between which the
 * readings of each series are; a search reads these parts of the table. An index would find it too, for a third more
 * work at every reading, and only repeats with different content, amendments and the list of gaps search by position.
 */
export class SqlitePlaces {
  readonly #statements
  readonly #share: LoopShare
  /** The one that was used last at the end. */
  #open: OpenStretch[] = []

  constructor(prepare: Prepare, share: LoopShare) {
    this.#share = share
    this.#statements = {
      insert: prepare('INSERT INTO places (log, first, last, bytes) VALUES (?, ?, ?, ?)'),
      find: prepare('SELECT first, last, bytes FROM places WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1'),
      span: prepare(
        `SELECT ts, log, seq FROM reading WHERE series = ? AND (ts, log, seq) > (?, ?, ?) AND ts <= ?
         ORDER BY ts, log, seq LIMIT ${PAGE_ROWS}`,
      ),
    }
  }

  /**
   * Records the readings of these positions; no position is given twice. The ranges and the positions of each block are
   * ascending, so the work grows with their number, not with the product of the two.
   */
  async add(log: number, ranges: readonly SeqRange[], blocks: readonly PlacedBlock[]): Promise<void> {
    const spans: Spans = new Array(ranges.length)
    for (const block of blocks) {
      if (this.#share.isUsedUp) await this.#share.pause()
      addSpans(block, ranges, spans)
    }
    for (const [i, { first, last }] of ranges.entries()) {
      if (this.#share.isUsedUp) await this.#share.pause()
      const found = spans[i]
      if (found !== undefined) this.#statements.insert.run(log, first, last, pack(found))
    }
  }

  /** Undefined: there never was a reading, or it was deleted. */
  async find(log: number, seq: Seq): Promise<SqlitePlace | undefined> {
    const last = this.#open.at(-1)
    const row = last?.log === log ? last.rows.get(seq) : undefined
    if (row !== undefined) return { series: last!.series[row]!, ts: last!.ts[row]! }
    const stretch = await this.#stretchOf(log, seq)
    const at = stretch?.rows.get(seq)
    return at === undefined ? undefined : { series: stretch!.series[at]!, ts: stretch!.ts[at]! }
  }

  async #stretchOf(log: number, seq: Seq): Promise<OpenStretch | undefined> {
    const row = this.#statements.find.get(log, seq)
    if (row === undefined || Number(row[1]) < seq) return undefined
    const [first, last] = [Number(row[0]), Number(row[1])]
    const known = this.#open.findIndex((one) => one.log === log && one.first === first)
    const stretch = this.#open.splice(known, known < 0 ? 0 : 1)[0] ?? {
      ...{ log, first, rows: new Map(), series: [], ts: [] },
    }
    if (known < 0) for (const span of unpack(row[2] as Uint8Array)) await this.#read(stretch, span, last)
    this.#open.push(stretch)
    let count = this.#open.reduce((sum, { rows }) => sum + rows.size, 0)
    while (count > OPEN_READINGS_MAX && this.#open.length > 1) count -= this.#open.shift()!.rows.size
    return stretch
  }

  /** Adds the readings of one span. */
  async #read(stretch: OpenStretch, { series, from, to }: Span, last: Seq): Promise<void> {
    let next: readonly [number, number, number] = [from, -1, 0]
    for (let count = PAGE_ROWS; count === PAGE_ROWS; ) {
      if (this.#share.isUsedUp) await this.#share.pause()
      const rows = this.#statements.span.all(series, ...next, to) as readonly (readonly [number, number, number])[]
      for (const [ts, log, seq] of rows) {
        if (log !== stretch.log || seq < stretch.first || seq > last) continue
        stretch.rows.set(seq, stretch.ts.length)
        stretch.series.push(series)
        stretch.ts.push(ts)
      }
      count = rows.length
      next = rows.at(-1) ?? next
    }
  }

  /** After a failed transaction. */
  forget(): void {
    this.#open = []
  }
}

/** Adds, for each range, the times between which the readings of the block at its positions are. */
function addSpans({ series, block: { seq, ts } }: PlacedBlock, ranges: readonly SeqRange[], spans: Spans): void {
  for (let i = 0; i < seq.length; ) {
    const at = rangeFrom(ranges, seq[i]!)
    if (at === ranges.length) return
    const { first, last } = ranges[at]!
    while (i < seq.length && seq[i]! < first) i++
    const begin = i
    while (i < seq.length && seq[i]! <= last) i++
    if (i === begin) continue
    spans[at] ??= []
    addSpansOf(series, ts.subarray(begin, i), spans[at])
  }
}

/** The index of the first range that ends at or after a position. */
function rangeFrom(ranges: readonly SeqRange[], seq: Seq): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.last < seq) low = middle + 1
    else high = middle
  }
  return low
}

function addSpansOf(series: number, times: Float64Array, spans: Span[]): void {
  let from = Infinity
  let to = -Infinity
  for (const at of times) {
    if (at < from - SPAN_GAP_MS || at > to + SPAN_GAP_MS) {
      if (from <= to) spans.push({ series, from, to })
      from = at
      to = at
    } else if (at < from) from = at
    else if (at > to) to = at
  }
  if (from <= to) spans.push({ series, from, to })
}

/** Series, start of each span relative to the start of the one before (milliseconds), and its length (milliseconds). */
function pack(spans: readonly Span[]): Uint8Array {
  const series = Float64Array.from(spans, (span) => span.series)
  const starts = Float64Array.from(spans, ({ from }, i) => from - (spans[i - 1]?.from ?? 0))
  const lengths = Float64Array.from(spans, ({ from, to }) => to - from)
  const bytes = encodeItem([series, starts, lengths])
  return bytes.length > PLAIN_BYTES_MAX ? compress(bytes) : new Uint8Array(bytes)
}

function unpack(packed: Uint8Array): Span[] {
  const reader = new ItemReader(packed[0] === ZSTD_MAGIC ? decompress(packed, UNPACKED_BYTES_MAX) : packed)
  const columns = Array.from({ length: reader.array('places') }, () => reader.ints(reader.array('column'), 'column'))
  if (columns.length === OLD_COLUMNS) return oldSpans(columns)
  const [series, starts, lengths] = columns as [Float64Array, Float64Array, Float64Array]
  let from = 0
  return Array.from(series, (one, i): Span => {
    from += starts[i]!
    return { series: one, from, to: from + lengths[i]! }
  })
}

/**
 * Databases from before spans list every reading: series, number of readings in each, distances of positions,
 * distances of times.
 */
function oldSpans([series, counts, , times]: readonly Float64Array[]): Span[] {
  const spans: Span[] = []
  let row = 0
  let ts = 0
  for (const [s, one] of series!.entries()) {
    const span = { series: one, from: Infinity, to: -Infinity }
    for (const end = row + counts![s]!; row < end; row++) {
      ts += times![row]!
      span.from = Math.min(span.from, ts)
      span.to = Math.max(span.to, ts)
    }
    spans.push(span)
  }
  return spans
}
