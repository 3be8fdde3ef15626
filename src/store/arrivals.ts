import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../base/reading.ts'
import type { Seal, SealDirectory } from './sealed/seals.ts'

/** When a reading arrived, by the store clock (UTC ms), from its position and its stored arrival. */
export type TimeOf = (seq: Seq, arrival: number) => number

/**
 * Arrival times of readings by the store clock (UTC ms): of each reading in the log; of sealed readings, only the first
 * and the last of their seal are known.
 */
export class Arrivals {
  readonly #seals: SealDirectory
  readonly #timeOf: TimeOf
  readonly #from: Statement<[Seq]>
  readonly #newest: Statement<[]>

  constructor(database: Database, seals: SealDirectory, timeOf: TimeOf) {
    this.#seals = seals
    this.#timeOf = timeOf
    this.#from = database.prepare('SELECT seq, received_at FROM log WHERE seq >= ? ORDER BY seq LIMIT 1').raw()
    this.#newest = database.prepare('SELECT seq, received_at FROM log ORDER BY seq DESC LIMIT 1').raw()
  }

  /**
   * Arrival of the first reading at or after this position; for a sealed one, the arrival of the first reading of its
   * seal. Undefined: there is none.
   */
  of(seq: Seq): number | undefined {
    const { sealedUpTo } = this.#seals
    const seal = seq <= sealedUpTo ? this.#seals.from(seq) : undefined
    if (seal !== undefined) return this.firstOf(seal)
    return this.#inLog(Math.max(seq, sealedUpTo + 1))
  }

  #inLog(seq: Seq): number | undefined {
    const row = this.#from.get(seq) as [Seq, number] | undefined
    return row && this.#timeOf(...row)
  }

  /** Arrivals of the first and the last reading of a seal. */
  firstOf({ first, receivedFirst }: Seal): number {
    return this.#timeOf(first, receivedFirst)
  }

  lastOf({ last, receivedLast }: Seal): number {
    return this.#timeOf(last, receivedLast)
  }

  /** Arrival of the oldest reading in the log. */
  oldestInLog(): number | undefined {
    return this.of(this.#seals.sealedUpTo + 1)
  }

  /** Arrival of the newest reading; 0: there is none. */
  newest(): number {
    const row = this.#newest.get() as [Seq, number] | undefined
    const seal = this.#seals.all.at(-1)
    return row ? this.#timeOf(...row) : seal ? this.lastOf(seal) : 0
  }

  /**
   * A position from which on all readings arrived at or after this time, found by bisection: the log is in order of
   * arrival. If that position is sealed, it is the first position of its seal.
   */
  firstSince(receivedAt: number, lastSeq: Seq): Seq {
    const seal = this.#seals.all.find((one) => this.lastOf(one) >= receivedAt)
    return seal?.first ?? this.#firstInLogSince(receivedAt, lastSeq)
  }

  /** The last position in the log that arrived at most this long (ms) after the first one. */
  lastInLogWithin(spanMs: number, lastSeq: Seq): Seq {
    const from = this.oldestInLog()
    return from === undefined ? lastSeq : this.#firstInLogSince(from + spanMs, lastSeq) - 1
  }

  #firstInLogSince(receivedAt: number, lastSeq: Seq): Seq {
    let low = this.#seals.sealedUpTo + 1
    let high = lastSeq + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.#inLog(middle) ?? Infinity) < receivedAt) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The stored arrival of the newest reading, as the system clock showed it (UTC ms); 0: there is none. */
export function readNewestArrival(database: Database): number {
  const sql = `SELECT coalesce((SELECT received_at FROM log ORDER BY seq DESC LIMIT 1),
    (SELECT received_last FROM seals ORDER BY first DESC LIMIT 1), 0)`
  return database.prepare(sql).pluck().get() as number
}
