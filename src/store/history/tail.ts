import type { Database, Statement } from 'better-sqlite3'
import { Reason } from '../../base/flags.ts'
import type { Quality, Seq, Value } from '../../base/reading.ts'
import { type Interval, isBefore, type ReadingKey } from './interval.ts'
import { TailIndex } from './tail-index.ts'

/** Maximum size of texts and bytes read in one call; a caller that wants more calls again. */
export const VALUE_BYTES_MAX = 16_777_216
const PAGE_ROWS = 4_096
/** Number of series whose earliest time in the log is cached; for others it is searched again. */
const FLOORS_MAX = 4_096

/** A reading of one series in the log. */
export interface TailRow extends ReadingKey {
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
}

/** The number of a reading only; null: the value is not a number. */
export interface TailNumber extends ReadingKey {
  readonly number: number | null
  readonly quality: Quality
}

type RawRow = [Seq, number, number | string | Buffer | null, Quality, number, 0 | 1]

const COLUMNS = `seq, ts, value, quality, reasons, typeof(value) = 'integer'`
const NUMBER_COLUMNS = `seq, ts, CASE WHEN typeof(value) = 'real' THEN value END AS number, quality`
/** Parameters of a query for readings up to a time (UTC ms) in the log, which begins after the sealed position. */
export interface Present {
  readonly sealed: Seq
  readonly upTo: number
}
/** Readings that are not from the future. */
export const PRESENT = `ts <= @upTo AND reasons & ${Reason.TIME_FUTURE} = 0`
const OF_SERIES = 'FROM log WHERE seq > ? AND series = ?'

/**
 * The readings of one series in the log, which has no index on the disk: a query scans every row after the sealed ones,
 * which takes some milliseconds, until many queries make an index worthwhile (`TailIndex`). `sealed` is the position up
 * to which all is sealed, as the current transaction sees it.
 */
export class Tail {
  readonly #index: TailIndex
  readonly #row: Statement<[Seq]>
  readonly #numbersOf: Statement<[Seq]>
  readonly #firsts: Statement<unknown[]>
  readonly #numbers: Statement<unknown[]>
  readonly #bounds: Statement<[Seq, number, number, number]>
  readonly #earliest: Statement<[Seq, Seq, number]>
  readonly #lastSeq: Statement<[]>
  readonly #floors = new Map<number, { readonly upTo: Seq; readonly ts: number }>()
  readonly #latestOfEach: Statement<[Present & { readonly series: string }]>
  readonly #lastOfEach: Statement<[Seq, string]>
  readonly #recent: Statement<[Seq, string, number]>

  constructor(database: Database) {
    this.#index = new TailIndex(database)
    this.#row = database.prepare(`SELECT ${COLUMNS} FROM log WHERE seq = ?`).raw() as Statement<[Seq]>
    this.#numbersOf = database.prepare(`SELECT ${NUMBER_COLUMNS} FROM log WHERE seq = ?`)
    const inTime = 'ts >= ? AND ts < ?'
    this.#firsts = database
      .prepare(`SELECT ${COLUMNS} ${OF_SERIES} AND ${inTime} AND (ts > ? OR seq > ?) ORDER BY ts, seq LIMIT ?`)
      .raw()
    this.#numbers = database.prepare(`SELECT ${NUMBER_COLUMNS} ${OF_SERIES} AND ${inTime} ORDER BY seq LIMIT ?`)
    this.#bounds = database.prepare(`SELECT min(ts) AS first, max(ts) AS last ${OF_SERIES} AND ${inTime}`)
    this.#earliest = database.prepare('SELECT min(ts) FROM log WHERE seq > ? AND seq <= ? AND series = ?').pluck()
    this.#lastSeq = database.prepare('SELECT seq FROM log ORDER BY seq DESC LIMIT 1').pluck()
    this.#latestOfEach = database
      .prepare(`SELECT series, ${COLUMNS} FROM log WHERE seq > @sealed AND ${PRESENT} AND (series, ts) IN
        (SELECT series, max(ts) FROM log WHERE seq > @sealed AND ${PRESENT}
        AND series IN (SELECT value FROM json_each(@series)) GROUP BY series) ORDER BY seq`)
      .raw() as Statement<[Present & { readonly series: string }]>
    this.#lastOfEach = database
      .prepare(`SELECT series, ${COLUMNS} FROM log WHERE seq IN
        (SELECT max(seq) FROM log WHERE seq > ? AND series IN (SELECT value FROM json_each(?)) GROUP BY series)`)
      .raw() as Statement<[Seq, string]>
    this.#recent = database
      .prepare(`SELECT series, ${COLUMNS} FROM log WHERE seq > ? AND series IN (SELECT value FROM json_each(?))
        ORDER BY seq DESC LIMIT ?`)
      .raw() as Statement<[Seq, string, number]>
  }

  /**
   * The first readings after a key and before a time, by (ts, seq), at most `limit`; or fewer, with more than
   * `VALUE_BYTES_MAX` of texts and bytes in them.
   */
  firsts(
    series: number,
    sealed: Seq,
    { after, to, limit }: { after: ReadingKey; to: number; limit: number },
  ): TailRow[] {
    const positions = this.#index.positions(series, sealed)
    const found =
      positions === undefined
        ? this.#firsts.iterate(sealed, series, after.ts, to, after.ts, after.seq, limit)
        : this.#findByIndex(positions, { after, to, limit })
    const rows: TailRow[] = []
    let bytes = 0
    for (const raw of found as Iterable<RawRow>) {
      const row = tailRow(raw)
      rows.push(row)
      bytes += valueBytes(row.value)
      if (bytes > VALUE_BYTES_MAX) break
    }
    return rows
  }

  *#findByIndex(
    positions: readonly Seq[],
    { after, to, limit }: { after: ReadingKey; to: number; limit: number },
  ): Generator<unknown> {
    const keys = positions
      .map((seq) => this.#numbersOf.get(seq) as TailNumber)
      .filter((key) => key.ts < to && isBefore(after, key))
      .sort((a, b) => a.ts - b.ts || a.seq - b.seq)
    for (const { seq } of keys.slice(0, limit)) yield this.#row.get(seq)
  }

  /** The numbers in an interval in order of their positions, a page at a time. */
  *numbers(series: number, sealed: Seq, { from, to }: Interval): Generator<TailNumber[]> {
    const positions = this.#index.positions(series, sealed)
    if (positions !== undefined) {
      const rows = positions.map((seq) => this.#numbersOf.get(seq) as TailNumber)
      yield rows.filter(({ ts }) => ts >= from && ts < to)
      return
    }
    for (let after = sealed; ; ) {
      const rows = this.#numbers.all(after, series, from, to, PAGE_ROWS) as TailNumber[]
      if (rows.length > 0) yield rows
      if (rows.length < PAGE_ROWS) return
      after = rows.at(-1)!.seq
    }
  }

  /** The earliest and the latest time (UTC ms) of the series' readings in an interval; undefined: there is none. */
  bounds(series: number, sealed: Seq, { from, to }: Interval): { first: number; last: number } | undefined {
    const positions = this.#index.positions(series, sealed)
    if (positions === undefined) {
      const { first, last } = this.#bounds.get(sealed, series, from, to) as {
        first: number | null
        last: number | null
      }
      return first === null || last === null ? undefined : { first, last }
    }
    let [first, last] = [Infinity, -Infinity]
    for (const seq of positions) {
      const ts = this.#tsOf(seq)
      if (ts < from || ts >= to) continue
      first = Math.min(first, ts)
      last = Math.max(last, ts)
    }
    return first === Infinity ? undefined : { first, last }
  }

  /**
   * A lower bound of the times (UTC ms) of the series in the log. Rows that were read once are not read again: a
   * reading never changes its time, and readings that were sealed since only make the bound lower than necessary.
   */
  floor(series: number, sealed: Seq): number {
    const positions = this.#index.positions(series, sealed)
    if (positions !== undefined) return positions.reduce((least, seq) => Math.min(least, this.#tsOf(seq)), Infinity)
    const known = this.#floors.get(series) ?? { upTo: 0, ts: Infinity }
    const upTo = (this.#lastSeq.get() as Seq | undefined) ?? 0
    const earliest = this.#earliest.get(Math.max(sealed, known.upTo), upTo, series) as number | null
    const ts = Math.min(known.ts, earliest ?? Infinity)
    if (this.#floors.size >= FLOORS_MAX && !this.#floors.has(series)) this.#floors.clear()
    this.#floors.set(series, { upTo, ts })
    return ts
  }

  #tsOf(seq: Seq): number {
    return (this.#numbersOf.get(seq) as TailNumber).ts
  }

  /** The latest reading of each of these series, by (ts, seq), that is not from the future (after `upTo`, UTC ms). */
  latest(series: ReadonlySet<number>, sealed: Seq, upTo: number): Map<number, TailRow> {
    const found = new Map<number, TailRow>()
    // Ascending in seq: of several readings at the latest time, the last one is kept.
    const wanted = { sealed, upTo, series: JSON.stringify([...series]) }
    for (const [id, ...raw] of this.#latestOfEach.iterate(wanted) as Iterable<[number, ...RawRow]>) {
      found.set(id, tailRow(raw))
    }
    return found
  }

  /** The reading of each of these series that arrived last. */
  lastArrived(series: ReadonlySet<number>, sealed: Seq): Map<number, TailRow> {
    const found = new Map<number, TailRow>()
    const wanted = JSON.stringify([...series])
    for (const [id, ...raw] of this.#lastOfEach.iterate(sealed, wanted) as Iterable<[number, ...RawRow]>) {
      found.set(id, tailRow(raw))
    }
    return found
  }

  /** The most recent readings of these series, newest first, at most `count`. */
  recent(series: ReadonlySet<number>, sealed: Seq, count: number): (TailRow & { readonly series: number })[] {
    const rows = this.#recent.all(sealed, JSON.stringify([...series]), count) as [number, ...RawRow][]
    return rows.map(([id, ...raw]) => ({ ...tailRow(raw), series: id }))
  }
}

/** Bytes that a value takes in memory in addition to its row. */
export function valueBytes(value: Value): number {
  if (typeof value === 'string') return value.length * 2
  return value instanceof Uint8Array ? value.length : 0
}

function tailRow([seq, ts, value, quality, reasons, isBoolean]: RawRow): TailRow {
  return { seq, ts, value: isBoolean === 1 ? value === 1 : value, quality, reasons }
}
