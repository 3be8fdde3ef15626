import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'

/** Questions after which it is worth while to know where the rows of each series are. */
const QUESTIONS_BEFORE = 8
/** Rows of a longer log are looked through as before: the index takes about 10 bytes a row. */
const ROWS_MAX = 1_000_000
/** Where so many rows came since the last question, it is begun anew: to read them takes longer than to look through. */
const NEW_ROWS_MAX = 65_536
/** To look a row up costs as much as to look through so many. */
const LOOKUP_COST = 16

/**
 * Where in the log the rows of each series are. Whoever asks about one or two series has the log looked through; who asks
 * about many, as an export does, would have it looked through for each.
 */
export class TailIndex {
  readonly #lastSeq: Statement<[]>
  readonly #rows: Statement<[Seq]>
  #questions = 0
  #bySeries: Map<number, Seq[]> | undefined
  #count = 0
  /** Rows from behind `#from` up to `#upTo` are in it. */
  #from: Seq = 0
  #upTo: Seq = 0

  constructor(database: Database) {
    this.#lastSeq = database.prepare('SELECT seq FROM log ORDER BY seq DESC LIMIT 1').pluck()
    this.#rows = database.prepare('SELECT seq, series FROM log WHERE seq > ? ORDER BY seq').raw() as Statement<[Seq]>
  }

  /** The positions of a series behind what is sealed, ascending; undefined: the log is to be looked through. */
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

  /** What was sealed since is no part of the log any more. */
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
