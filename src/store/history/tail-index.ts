import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'

/** Number of queries after which the index is worth building. */
const QUESTIONS_BEFORE = 8
/** A longer log is scanned without an index: the index takes about 10 bytes per row. */
const ROWS_MAX = 1_000_000
/** With more new rows than this since the last query, the index is discarded: reading them takes longer than a scan. */
const NEW_ROWS_MAX = 65_536
/** A lookup of one row costs as much as scanning this many. */
const LOOKUP_COST = 16

/**
 * Where in the log the rows of each series are. For a query about one or two series, a scan of the log is enough; a
 * caller that asks about many series, such as an export, would cause a scan for each.
 */
export class TailIndex {
  readonly #lastSeq: Statement<[]>
  readonly #rows: Statement<[Seq]>
  #questions = 0
  #bySeries: Map<number, Seq[]> | undefined
  #count = 0
  /** Rows after `#from` up to `#upTo` are in it. */
  #from: Seq = 0
  #upTo: Seq = 0

  constructor(database: Database) {
    this.#lastSeq = database.prepare('SELECT seq FROM log ORDER BY seq DESC LIMIT 1').pluck()
    this.#rows = database.prepare('SELECT seq, series FROM log WHERE seq > ? ORDER BY seq').raw() as Statement<[Seq]>
  }

  /** The positions of a series after the sealed ones, ascending; undefined: scan the log instead. */
  positions(series: number, sealed: Seq): readonly Seq[] | undefined {
    if (!this.#isReady(sealed)) return undefined
    const own = this.#bySeries!.get(series) ?? []
    return own.length * LOOKUP_COST > this.#count ? undefined : own
  }

  #isReady(sealed: Seq): boolean {
    if (this.#questions++ < QUESTIONS_BEFORE) return false
    const lastSeq = (this.#lastSeq.get() as Seq | undefined) ?? 0
    const known = this.#bySeries !== undefined
    if (lastSeq - sealed > ROWS_MAX || (known && lastSeq - this.#upTo > NEW_ROWS_MAX)) {
      this.#questions = 0
      this.#bySeries = undefined
      return false
    }
    if (!known) this.#begin(sealed)
    if (sealed > this.#from) this.#forget(sealed)
    if (lastSeq > this.#upTo) this.#extend(lastSeq)
    return true
  }

  #begin(sealed: Seq): void {
    this.#bySeries = new Map()
    this.#count = 0
    this.#from = sealed
    this.#upTo = sealed
  }

  #extend(lastSeq: Seq): void {
    for (const [seq, series] of this.#rows.iterate(this.#upTo) as Iterable<[Seq, number]>) {
      const own = this.#bySeries!.get(series)
      if (own === undefined) this.#bySeries!.set(series, [seq])
      else own.push(seq)
      this.#count++
    }
    this.#upTo = lastSeq
  }

  /** Removes positions that were sealed since: they are no longer in the log. */
  #forget(sealed: Seq): void {
    for (const [series, own] of this.#bySeries!) {
      const kept = own.filter((seq) => seq > sealed)
      this.#count -= own.length - kept.length
      if (kept.length === 0) this.#bySeries!.delete(series)
      else this.#bySeries!.set(series, kept)
    }
    this.#from = sealed
    this.#upTo = Math.max(this.#upTo, sealed)
  }
}
