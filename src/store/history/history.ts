import type { Database } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { assert, Exit, OperatorError } from '../../base/errors.ts'
import type { StoredReading } from '../../base/reading.ts'
import { BlockTable } from '../sealed/blocks.ts'
import { firstTs, lastTs } from './bounds.ts'
import { type Bucket, type BucketPage, type BucketQuery, Buckets } from './buckets.ts'
import type { Interval, ReadingKey } from './interval.ts'
import { latestReadings } from './latest.ts'
import { OpenBlocks } from './open-blocks.ts'
import { type HistoryPlaces, type RangePage, type RangeQuery, readRange } from './range.ts'
import { recentReadings } from './recent.ts'
import { SealedHistory } from './sealed.ts'
import { type SeriesFilter, type SeriesPlace, SeriesTable, type StoredSeries } from './series.ts'
import {
  type DevicePage,
  type DeviceQuestion,
  type DeviceStatistics,
  type SeriesStatistics,
  Statistics,
} from './statistics.ts'
import { Tail } from './tail.ts'

export type {
  Bucket,
  BucketPage,
  BucketQuery,
  DeviceStatistics,
  Interval,
  RangePage,
  RangeQuery,
  ReadingKey,
  SeriesFilter,
  SeriesPlace,
  SeriesStatistics,
  StoredSeries,
}

/** The clock of a device may be ahead of ours by this time (ms): the default of `quality[].futureS`. */
const AHEAD_MS = 300_000
/** Maximum number of buckets in an answer that is not read in pages. */
export const BUCKETS_MAX = 100_000
/** Number of devices in a page. */
const PAGE_DEVICES = 1_000
/** Default number of readings in a page. */
export const PAGE_READINGS = 10_000

/**
 * Queries over the readings of a store, sealed or not, for commands and other tools. Each answer, and each page of a
 * long one, is one short transaction on a connection that cannot write: it never keeps the writer from restarting its
 * WAL, however slowly the caller reads. A reading keeps its series, time and position when it moves from the log into a
 * block or from block to block, so pages continue at the key of the last reading and miss nothing.
 */
export class History {
  readonly #database: Database
  readonly #clock: Clock
  readonly #places: HistoryPlaces
  readonly #buckets: Buckets
  readonly #statistics: Statistics
  readonly #series: SeriesTable

  /**
   * @param database a connection with no other user at the same time.
   * @param clock says which readings are from the future
   */
  constructor(database: Database, clock: Clock) {
    const blocks = new BlockTable(database)
    this.#database = database
    this.#clock = clock
    this.#places = {
      sealed: new SealedHistory(database, blocks),
      open: new OpenBlocks(database, blocks),
      tail: new Tail(database),
    }
    this.#series = new SeriesTable(database)
    this.#statistics = new Statistics(database, blocks, { places: this.#places, series: this.#series })
    this.#buckets = new Buckets(database, blocks, this.#places)
  }

  /** The matching series, in order of device, metric and age. */
  series(filter: SeriesFilter = {}): StoredSeries[] {
    return this.#series.matching(filter)
  }

  /** A page of readings, ascending in (ts, seq). @throws OperatorError when a block in it is damaged. */
  range(query: RangeQuery): RangePage {
    return this.#snapshot(() => readRange(this.#places, query))
  }

  /** All pages of an interval, one after the other; none is empty. @throws OperatorError as `range` does. */
  *pages(
    series: StoredSeries | readonly StoredSeries[],
    { from, to, after, limit = PAGE_READINGS }: Partial<Omit<RangeQuery, 'series'>> = {},
  ): Generator<readonly StoredReading[]> {
    const query = {
      series: isMany(series) ? series : [series],
      limit,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    }
    for (let next = after, done = false; !done; ) {
      const page = this.range({ ...query, after: next })
      if (page.readings.length > 0) yield page.readings
      next = page.next
      done = next === undefined
    }
  }

  /**
   * Figures per interval, for intervals that have readings. If a (device, metric) has series in several units, each has
   * buckets of its own. @throws OperatorError for more than `BUCKETS_MAX`, or a damaged block.
   */
  buckets(query: BucketQuery): Bucket[] {
    const all: Bucket[] = []
    for (const page of this.bucketPages(query)) {
      all.push(...page)
      if (all.length > BUCKETS_MAX) throw tooManyBuckets(query)
    }
    return all
  }

  /** The same in pages, without a limit; none is empty. */
  *bucketPages(query: BucketQuery): Generator<readonly Bucket[]> {
    for (let next: number | undefined, done = false; !done; ) {
      const page = this.bucketPage(next === undefined ? query : { ...query, from: next })
      if (page.buckets.length > 0) yield page.buckets
      next = page.next
      done = next === undefined
    }
  }

  /** The first buckets of an interval; `next` is the start of the others. @throws OperatorError for a damaged block. */
  bucketPage(query: BucketQuery): BucketPage {
    return this.#snapshot(() => this.#buckets.page(query))
  }

  /**
   * The latest reading of every matching series, by (ts, seq); series without readings are omitted. A reading from the
   * future is never the latest, unless the series has no other: then it is the one that arrived last.
   */
  latest(filter: SeriesFilter = {}): StoredReading[] {
    const upTo = this.#clock.now() + AHEAD_MS
    return this.#snapshot(() => latestReadings(this.#places, this.series(filter), upTo))
  }

  /** The same for the first `limit` matching series after `after`; `next` is the last of them, if there are more. */
  latestPage(
    filter: Omit<SeriesFilter, 'unit'>,
    { after, limit }: { readonly after: SeriesPlace | undefined; readonly limit: number },
  ): { readonly readings: readonly StoredReading[]; readonly next: SeriesPlace | undefined } {
    return this.#snapshot(() => {
      const series = this.#series.matchingAfter(filter, { after, limit: limit + 1 })
      const some = series.slice(0, limit)
      const { device, metric, unit = '' } = some.at(-1) ?? { device: '', metric: '' }
      const readings = latestReadings(this.#places, some, this.#clock.now() + AHEAD_MS)
      return { readings, next: series.length > limit ? { device, metric, unit } : undefined }
    })
  }

  hasSeries(place: SeriesPlace): boolean {
    return this.#series.find(place) !== undefined
  }

  hasDevice(name: string): boolean {
    return this.#series.hasDevice(name)
  }

  /**
   * The most recent readings of the matching series, by position, newest first. @param count at most `PAGE_READINGS`.
   */
  recent(count: number, filter: SeriesFilter = {}): StoredReading[] {
    assert(count <= PAGE_READINGS, 'at most PAGE_READINGS recent readings are requested at once')
    return this.#snapshot(() => recentReadings(this.#places, this.series(filter), count))
  }

  /** Every device with statistics of its series, which leave BAD numbers out by default. Each page is a snapshot of its own. */
  devices(options?: { readonly includeBad: boolean }): DeviceStatistics[] {
    return [...this.devicePages(options)].flat()
  }

  /** The same in pages; none is empty. */
  *devicePages({ includeBad } = { includeBad: false }): Generator<readonly DeviceStatistics[]> {
    for (let after: string | undefined, done = false; !done; ) {
      const { devices, next } = this.devicePage({ after, limit: PAGE_DEVICES, includeBad })
      if (devices.length > 0) yield devices
      after = next
      done = next === undefined
    }
  }

  /** The first devices after this name, at most `limit`. Times in the future do not count as the last one. */
  devicePage(question: Omit<DeviceQuestion, 'upTo'>): DevicePage {
    const upTo = this.#clock.now() + AHEAD_MS
    return this.#snapshot(() => this.#statistics.devices({ ...question, upTo }))
  }

  /** Time of the earliest reading of a series in an interval (UTC ms); undefined: there is none. */
  first(series: StoredSeries, interval?: Interval): number | undefined {
    return this.#snapshot(() => firstTs(this.#places, series.id, interval))
  }

  /** Time of the latest reading of a series in an interval (UTC ms); undefined: there is none. */
  last(series: StoredSeries, interval?: Interval): number | undefined {
    return this.#snapshot(() => lastTs(this.#places, series.id, interval))
  }

  /** Runs all queries of `ask` in one snapshot. */
  #snapshot<T>(ask: () => T): T {
    return this.#database.transaction(ask).deferred()
  }
}

function isMany(series: StoredSeries | readonly StoredSeries[]): series is readonly StoredSeries[] {
  return Array.isArray(series)
}

function tooManyBuckets({ everyMs }: BucketQuery): OperatorError {
  return new OperatorError(`more than ${BUCKETS_MAX} intervals of ${everyMs} ms have readings`, {
    remedy: 'ask for longer intervals or a shorter time range',
    exitCode: Exit.USAGE,
  })
}
