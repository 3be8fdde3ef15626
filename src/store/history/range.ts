import type { Quality, StoredReading, Value } from '../../base/reading.ts'
import { ALWAYS, type Interval, isBefore, type ReadingKey } from './interval.ts'
import type { OpenBlock, OpenBlocks } from './open-blocks.ts'
import type { SealedHistory } from './sealed.ts'
import type { StoredSeries } from './series.ts'
import { type Tail, VALUE_BYTES_MAX, valueBytes } from './tail.ts'

/** A query for readings in an interval. */
export interface RangeQuery extends Partial<Interval> {
  readonly series: readonly StoredSeries[]
  /** Continues after this reading: the `next` of the page before. */
  readonly after?: ReadingKey | undefined
  /** Maximum number of readings in a page. */
  readonly limit: number
}

export interface RangePage {
  /** Ascending in (ts, seq). */
  readonly readings: readonly StoredReading[]
  /** Where the next page continues; undefined: there is none. */
  readonly next: ReadingKey | undefined
}

/** The places where readings are stored, all as one transaction sees them. */
export interface HistoryPlaces {
  readonly sealed: SealedHistory
  readonly open: OpenBlocks
  readonly tail: Tail
}

/**
 * Reads one page of history, inside a transaction. Blocks are opened in the order of their earliest reading, until the
 * page is full and no further block can contain an earlier reading than its last one. So memory is limited to the page,
 * however many blocks overlap.
 */
export function readRange(places: HistoryPlaces, { series, after, limit, ...interval }: RangeQuery): RangePage {
  const { from = ALWAYS.from, to = ALWAYS.to } = interval
  const begin = { ts: from, seq: 0 }
  const page = new Page(after !== undefined && isBefore(begin, after) ? after : begin, to, limit)
  for (const one of series) {
    for (const head of places.sealed.heads(one.id, { from: page.after.ts, to })) {
      if (!page.mayTake(head.tsMin)) break
      page.merge(page.pick(one, places.open.open(head)))
    }
  }
  const sealed = places.sealed.upTo
  for (const one of series) {
    if (page.isFull && !page.mayTake(places.tail.floor(one.id, sealed))) continue
    const rows = places.tail.firsts(one.id, sealed, { after: page.after, to: page.endTs, limit })
    page.merge(rows.map((row) => storedReading(one, row)))
  }
  return page.finish()
}

/** The first readings after a key, of all that were merged. */
class Page {
  readonly after: ReadingKey
  readonly #to: number
  #limit: number
  #readings: StoredReading[] = []
  /** Size of the texts and bytes in it; a lower bound. */
  #bytes = 0

  constructor(after: ReadingKey, to: number, limit: number) {
    this.after = after
    this.#to = to
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#readings.length >= this.#limit
  }

  /** Readings from this time on do not belong to the page (UTC ms). */
  get endTs(): number {
    return this.isFull ? Math.min(this.#to, this.#readings.at(-1)!.ts + 1) : this.#to
  }

  mayTake(ts: number): boolean {
    return ts < this.endTs
  }

  /** The readings of a block that may belong to the page, in order. */
  pick(series: StoredSeries, { columns, order }: OpenBlock): StoredReading[] {
    const { seq, ts, values, quality, reasons } = columns
    const picked: StoredReading[] = []
    const { endTs } = this
    for (let i = this.#start(columns, order); i < ts.length && picked.length < this.#limit; i++) {
      const row = order === undefined ? i : order[i]!
      if (ts[row]! >= endTs) break
      const verdict = { quality: quality[row] as Quality, reasons: reasons[row]! }
      picked.push(storedReading(series, { seq: seq[row]!, ts: ts[row]!, value: values[row]!, ...verdict }))
    }
    return picked
  }

  /** Index, in the order, of the first row after `after`. */
  #start({ seq, ts }: OpenBlock['columns'], order: Uint32Array | undefined): number {
    let low = 0
    let high = ts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const row = order === undefined ? middle : order[middle]!
      if (isBefore(this.after, { ts: ts[row]!, seq: seq[row]! })) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Merges readings, which are in order and after `after`. */
  merge(run: readonly StoredReading[]): void {
    if (run.length === 0) return
    for (const { value } of run) this.#bytes += valueBytes(value)
    const last = this.#readings.at(-1)
    if (last === undefined || isBefore(last, run[0]!)) {
      const room = this.#limit - this.#readings.length
      for (let i = 0; i < run.length && i < room; i++) this.#readings.push(run[i]!)
    } else {
      this.#readings = mergeSorted(this.#readings, run, this.#limit)
    }
    if (this.#bytes > VALUE_BYTES_MAX) this.#cut()
  }

  /** Shortens the page to VALUE_BYTES_MAX; it stays a prefix of the result. */
  #cut(): void {
    this.#bytes = 0
    for (const [i, { value }] of this.#readings.entries()) {
      const bytes = valueBytes(value)
      if (i > 0 && this.#bytes + bytes > VALUE_BYTES_MAX) {
        this.#readings.length = i
        this.#limit = i
        return
      }
      this.#bytes += bytes
    }
  }

  finish(): RangePage {
    const last = this.isFull ? this.#readings.at(-1) : undefined
    return { readings: this.#readings, next: last === undefined ? undefined : { ts: last.ts, seq: last.seq } }
  }
}

function mergeSorted(a: readonly StoredReading[], b: readonly StoredReading[], limit: number): StoredReading[] {
  const merged: StoredReading[] = []
  for (let i = 0, k = 0; merged.length < limit && (i < a.length || k < b.length); ) {
    if (k >= b.length || (i < a.length && isBefore(a[i]!, b[k]!))) merged.push(a[i++]!)
    else merged.push(b[k++]!)
  }
  return merged
}

/** A reading with the names of its series. */
export function storedReading(
  { device, metric, unit }: StoredSeries,
  { seq, ts, value, quality, reasons }: ReadingKey & { value: Value; quality: Quality; reasons: number },
): StoredReading {
  return { seq, device, metric, unit, value, ts, quality, reasons }
}
