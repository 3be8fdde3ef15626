import type { Database, Statement } from 'better-sqlite3'
import { assert } from '../../base/errors.ts'
import type { Quality } from '../../base/reading.ts'
import type { BlockHead, BlockTable } from '../sealed/blocks.ts'
import { Ends } from './ends.ts'
import { ALWAYS, type Interval } from './interval.ts'
import type { OpenBlocks } from './open-blocks.ts'
import type { HistoryPlaces } from './range.ts'
import type { StoredSeries } from './series.ts'
import { type Figures, type Summed, Sums, summaryFits } from './sums.ts'

/**
 * Readings that are read one by one for a page, which takes about a tenth of a second; after that the page ends as soon
 * as it can.
 */
const PAGE_READINGS_MAX = 500_000
/** A page that would have more than twice as many buckets ends after this many. */
const PAGE_BUCKETS_MAX = 10_000

/** Figures over the readings of one series whose times lie from `start` to before `start` + `everyMs`. */
export interface Bucket extends Figures {
  /** UTC ms, a multiple of the bucket's length. */
  readonly start: number
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
  /**
   * The first and the last number in time that `avg` covers; null: the bucket includes hourly sums of removed readings, or
   * no such number.
   */
  readonly first: number | null
  readonly last: number | null
}

export interface BucketQuery extends Partial<Interval> {
  readonly series: readonly StoredSeries[]
  /** Length of a bucket, ms; buckets begin at its multiples since 1970-01-01 in UTC. */
  readonly everyMs: number
  /** BAD numbers count like others. Default: the figures leave them out. */
  readonly includeBad?: boolean
  /** A page ends when this many readings were read one by one, at the next boundary of buckets. */
  readonly readingsMax?: number
}

export interface BucketPage {
  /** Buckets that have readings, by start; those with the same start are in the order of the series. */
  readonly buckets: readonly Bucket[]
  /** Start of the next page (UTC ms); undefined: there is none. */
  readonly next: number | undefined
}

/**
 * Computes buckets inside a transaction. A block that lies completely in one bucket is answered from its summary, unless
 * it has BAD readings and the figures leave them out. For readings that retention has removed, the hourly sums count, each in the bucket in which its hour starts: this is
 * exact if a bucket is a whole number of hours.
 */
export class Buckets {
  readonly #places: HistoryPlaces
  readonly #blocks: BlockTable
  readonly #rollups: Statement<[number, number, number]>

  constructor(database: Database, blocks: BlockTable, places: HistoryPlaces) {
    this.#places = places
    this.#blocks = blocks
    this.#rollups = database.prepare(`SELECT hour, readings, good, worst, numbers, value_min AS valueMin,
      value_max AS valueMax, value_sum AS valueSum FROM rollups WHERE series = ? AND hour >= ? AND hour < ?`)
  }

  /** The first buckets of an interval: all, or as many as one short transaction can compute. */
  page({
    series,
    everyMs,
    from = ALWAYS.from,
    to = ALWAYS.to,
    includeBad = false,
    readingsMax,
  }: BucketQuery): BucketPage {
    assert(Number.isSafeInteger(everyMs) && everyMs > 0, 'a bucket has a length in whole milliseconds')
    const page = new Page({ from, to }, { everyMs, includeBad, readingsMax })
    for (const one of series) {
      const tallies = page.begin(one)
      this.#addRollups(one.id, page, tallies)
      this.#addBlocks(one.id, page, tallies)
      for (const rows of this.#places.tail.numbers(one.id, this.#places.sealed.upTo, page.interval)) {
        const { to: end } = page.interval // it may be earlier than before
        for (const { ts, seq, number, quality } of rows) if (ts < end) tallies.add(ts, seq, number, quality)
        page.readingsRead(rows.length)
      }
    }
    return page.finish(this.#places.open)
  }

  #addBlocks(series: number, page: Page, tallies: Tallies): void {
    for (const head of this.#places.sealed.heads(series, page.interval)) {
      if (page.isLong) page.endAt(head.tsMin)
      if (head.tsMin >= page.interval.to) return
      if (page.takesSummary(head) && !this.#blocks.isAmended(head)) {
        tallies.at(head.tsMin).addHead(head)
        page.readingsRead(1)
      } else {
        this.#addRows(head, page, tallies)
      }
    }
  }

  #addRows(head: BlockHead, page: Page, tallies: Tallies): void {
    const { columns, order } = this.#places.open.open(head)
    const { seq, ts, values, quality } = columns
    const { from, to } = page.interval
    for (let i = 0; i < ts.length; i++) {
      const row = order === undefined ? i : order[i]!
      const at = ts[row]!
      if (at >= to) break
      if (at >= from) tallies.add(at, seq[row]!, values[row]!, quality[row] as Quality)
    }
    page.readingsRead(ts.length)
  }

  #addRollups(series: number, page: Page, tallies: Tallies): void {
    const { from, to } = page.interval
    for (const rollup of this.#rollups.iterate(series, from, to) as Iterable<Summed & { hour: number }>) {
      if (rollup.hour >= page.interval.to) return
      tallies.at(rollup.hour).addRollup(rollup)
      page.readingsRead(1)
    }
  }
}

/** The state of one bucket so far. */
class Tally {
  readonly #sums: Sums
  readonly #ends = new Ends()
  #hasRollup = false

  constructor(includeBad: boolean) {
    this.#sums = new Sums(includeBad)
  }

  add(ts: number, seq: number, value: Parameters<Sums['add']>[0], quality: Quality): void {
    this.#sums.add(value, quality)
    if (typeof value === 'number' && this.#sums.counts(quality)) this.#ends.add(ts, seq, value)
  }

  addHead(head: BlockHead): void {
    this.#sums.addSummed(head)
    this.#ends.addHead(head)
  }

  addRollup(rollup: Summed): void {
    this.#sums.addSummed(rollup)
    this.#hasRollup ||= rollup.numbers > 0
  }

  finish(open: OpenBlocks): Figures & Pick<Bucket, 'first' | 'last'> {
    const ends = this.#hasRollup ? { first: null, last: null } : this.#ends.values(open)
    return { ...this.#sums.figures(), ...ends }
  }
}

/** The buckets of one series, by their start. */
class Tallies {
  readonly series: StoredSeries
  readonly byStart = new Map<number, Tally>()
  readonly #everyMs: number
  readonly #includeBad: boolean
  #lastStart = Number.NaN
  #lastTally: Tally | undefined

  constructor(series: StoredSeries, { everyMs, includeBad }: PageOptions) {
    this.series = series
    this.#everyMs = everyMs
    this.#includeBad = includeBad
  }

  at(ts: number): Tally {
    const start = Math.floor(ts / this.#everyMs) * this.#everyMs
    if (start === this.#lastStart) return this.#lastTally!
    let tally = this.byStart.get(start)
    if (tally === undefined) {
      tally = new Tally(this.#includeBad)
      this.byStart.set(start, tally)
    }
    this.#lastStart = start
    this.#lastTally = tally
    return tally
  }

  add(ts: number, seq: number, value: Parameters<Sums['add']>[0], quality: Quality): void {
    this.at(ts).add(ts, seq, value, quality)
  }

  /** Removes the buckets that begin at this time or later. */
  cut(end: number): void {
    for (const start of this.byStart.keys()) if (start >= end) this.byStart.delete(start)
    this.#lastStart = Number.NaN
  }
}

interface PageOptions {
  readonly everyMs: number
  readonly includeBad: boolean
  readonly readingsMax?: number | undefined
}

/** The buckets of all series in an interval. Its end moves to an earlier time if there is much to do. */
class Page {
  readonly #options: PageOptions
  readonly #everyMs: number
  readonly #from: number
  readonly #asked: number
  readonly #readingsMax: number
  #end: number
  #readingsRead = 0
  readonly #all: Tallies[] = []

  constructor({ from, to }: Interval, options: PageOptions) {
    const { everyMs, readingsMax = PAGE_READINGS_MAX } = options
    this.#options = options
    this.#readingsMax = readingsMax
    this.#from = from
    this.#asked = to
    this.#end = to
    this.#everyMs = everyMs
  }

  get interval(): Interval {
    return { from: this.#from, to: this.#end }
  }

  begin(series: StoredSeries): Tallies {
    const tallies = new Tallies(series, this.#options)
    this.#all.push(tallies)
    return tallies
  }

  /** Whether a block lies completely in one bucket, and its summary can stand for its readings. */
  takesSummary({ tsMin, tsMax, worst }: BlockHead): boolean {
    if (!summaryFits({ worst }, this.#options.includeBad)) return false
    const inside = tsMin >= this.#from && tsMax < this.#end
    return inside && Math.floor(tsMin / this.#everyMs) === Math.floor(tsMax / this.#everyMs)
  }

  get isLong(): boolean {
    return this.#readingsRead > this.#readingsMax
  }

  /** Counts readings that were read, and ends the page early if it has too many buckets. */
  readingsRead(readings: number): void {
    this.#readingsRead += readings
    const buckets = this.#all.reduce((sum, { byStart }) => sum + byStart.size, 0)
    if (buckets <= 2 * PAGE_BUCKETS_MAX) return
    const starts = this.#all.flatMap(({ byStart }) => [...byStart.keys()]).sort((a, b) => a - b)
    this.endAt(starts[PAGE_BUCKETS_MAX]!)
  }

  /** Ends the page before the bucket of this time, unless it is the first bucket. */
  endAt(ts: number): void {
    const end = Math.floor(ts / this.#everyMs) * this.#everyMs
    if (end <= this.#from || end >= this.#end) return
    this.#end = end
    for (const tallies of this.#all) tallies.cut(end)
  }

  finish(open: OpenBlocks): BucketPage {
    const buckets: Bucket[] = []
    for (const { series, byStart } of this.#all) {
      const { device, metric, unit } = series
      for (const [start, tally] of byStart) buckets.push({ start, device, metric, unit, ...tally.finish(open) })
    }
    buckets.sort((a, b) => a.start - b.start)
    return { buckets, next: this.#end < this.#asked ? this.#end : undefined }
  }
}
