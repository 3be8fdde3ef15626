import type { Database, Statement } from 'better-sqlite3'
import type { Quality, Seq, Value } from '../../base/reading.ts'
import type { Interval, ReadingKey } from './interval.ts'

/** Series of whose earliest time in the log is remembered; beyond them it is looked for again. */
const FLOORS_MAX = 4_096

/** A reading of one series in the log. */
export interface TailRow extends ReadingKey {
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
}

type RawRow = [Seq, number, number | string | Buffer | null, Quality, number, 0 | 1]

/**
 * The readings of one series in the log, which has no index: each question looks at every row behind what is sealed, some
 * milliseconds. `sealed` is the position up to which all is sealed, as the transaction at work sees it.
 */
export class Tail {
  readonly #firsts: Statement<unknown[]>
  readonly #page: Statement<unknown[]>
  readonly #latestOfEach: Statement<[Seq, Seq]>
  readonly #recent: Statement<[Seq, string, number]>
  readonly #earliest: Statement<[Seq, Seq, number]>
  readonly #latest: Statement<[Seq, number, number, number]>
  readonly #lastSeq: Statement<[]>
  readonly #floors = new Map<number, { readonly upTo: Seq; readonly ts: number }>()

  constructor(database: Database) {
    const rows = `SELECT seq, ts, value, quality, reasons, typeof(value) = 'integer' FROM log`
    this.#firsts = database
      .prepare(`${rows} WHERE seq > ? AND series = ? AND ts >= ? AND ts < ? AND (ts > ? OR seq > ?)
        ORDER BY ts, seq LIMIT ?`)
      .raw()
    this.#page = database
      .prepare(`${rows} WHERE seq > ? AND series = ? AND ts >= ? AND ts < ? ORDER BY seq LIMIT ?`)
      .raw()
    const many = rows.replace('SELECT', 'SELECT series,')
    this.#latestOfEach = database
      .prepare(`${many} WHERE seq > ? AND (series, ts) IN (SELECT series, max(ts) FROM log WHERE seq > ? GROUP BY series)
        ORDER BY seq`)
      .raw() as Statement<[Seq, Seq]>
    this.#recent = database
      .prepare(`${many} WHERE seq > ? AND series IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT ?`)
      .raw() as Statement<[Seq, string, number]>
    this.#earliest = database.prepare('SELECT min(ts) FROM log WHERE seq > ? AND seq <= ? AND series = ?').pluck()
    this.#latest = database
      .prepare('SELECT max(ts) FROM log WHERE seq > ? AND series = ? AND ts >= ? AND ts < ?')
      .pluck() as Statement<[Seq, number, number, number]>
    this.#lastSeq = database.prepare('SELECT max(seq) FROM log').pluck()
  }

  /** The first readings behind a key and before a time, by (ts, seq), at most so many. */
  firsts(
    series: number,
    sealed: Seq,
    { after, to, limit }: { after: ReadingKey; to: number; limit: number },
  ): TailRow[] {
    const rows = this.#firsts.all(sealed, series, after.ts, to, after.ts, after.seq, limit) as RawRow[]
    return rows.map(tailRow)
  }

  /** The readings of a time in the order of their positions, a page at a time. */
  *pages(series: number, sealed: Seq, { from, to }: Interval, rowsMax = 4_096): Generator<TailRow[]> {
    for (let after = sealed; ; ) {
      const rows = (this.#page.all(after, series, from, to, rowsMax) as RawRow[]).map(tailRow)
      if (rows.length > 0) yield rows
      if (rows.length < rowsMax) return
      after = rows.at(-1)!.seq
    }
  }

  /**
   * No reading of the series in the log is earlier (UTC ms). Rows that were looked at once are not looked at again: a
   * reading never changes its time, and those that were sealed since only make the answer lower than it need be.
   */
  floor(series: number, sealed: Seq): number {
    const known = this.#floors.get(series) ?? { upTo: 0, ts: Infinity }
    const upTo = (this.#lastSeq.get() as Seq | null) ?? 0
    const earliest = this.#earliest.get(Math.max(sealed, known.upTo), upTo, series) as number | null
    const ts = Math.min(known.ts, earliest ?? Infinity)
    if (this.#floors.size >= FLOORS_MAX && !this.#floors.has(series)) this.#floors.clear()
    this.#floors.set(series, { upTo, ts })
    return ts
  }

  /** The latest reading of each of these series, by (ts, seq). */
  latest(series: ReadonlySet<number>, sealed: Seq): Map<number, TailRow> {
    const found = new Map<number, TailRow>()
    // Ascending in seq: of several at the latest time, the last one stays.
    for (const [id, ...raw] of this.#latestOfEach.iterate(sealed, sealed) as Iterable<[number, ...RawRow]>) {
      if (series.has(id)) found.set(id, tailRow(raw))
    }
    return found
  }

  /** The readings of these series that came last, newest first, at most so many. */
  recent(series: ReadonlySet<number>, sealed: Seq, count: number): (TailRow & { readonly series: number })[] {
    const rows = this.#recent.all(sealed, JSON.stringify([...series]), count) as [number, ...RawRow][]
    return rows.map(([id, ...raw]) => ({ ...tailRow(raw), series: id }))
  }

  /** The latest time of the series in the interval. */
  latestTs(series: number, sealed: Seq, { from, to }: Interval): number | undefined {
    return (this.#latest.get(sealed, series, from, to) as number | null) ?? undefined
  }
}

function tailRow([seq, ts, value, quality, reasons, isBoolean]: RawRow): TailRow {
  return { seq, ts, value: isBoolean === 1 ? value === 1 : value, quality, reasons }
}
