import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../base/reading.ts'
import type { SealDirectory } from './sealed/seals.ts'

/**
 * Arrival times of readings (UTC ms): of each reading in the log; of sealed readings, only the first and the last of
 * their seal are known.
 */
export class Arrivals {
  readonly #seals: SealDirectory
  readonly #from: Statement<[Seq]>
  readonly #newest: Statement<[]>

  constructor(database: Database, seals: SealDirectory) {
    this.#seals = seals
    this.#from = database.prepare('SELECT received_at FROM log WHERE seq >= ? ORDER BY seq LIMIT 1').pluck()
    this.#newest = database.prepare('SELECT received_at FROM log ORDER BY seq DESC LIMIT 1').pluck()
  }

  /**
   * Arrival of the first reading at or after this position; for a sealed one, the arrival of the first reading of its
   * seal. Undefined: there is none.
   */
  of(seq: Seq): number | undefined {
    const { sealedUpTo } = this.#seals
    const seal = seq <= sealedUpTo ? this.#seals.from(seq) : undefined
    if (seal !== undefined) return seal.receivedFirst
    return this.#from.get(Math.max(seq, sealedUpTo + 1)) as number | undefined
  }

  /** Arrival of the oldest reading in the log. */
  oldestInLog(): number | undefined {
    return this.of(this.#seals.sealedUpTo + 1)
  }

  /** Arrival of the newest reading; 0: there is none. */
  newest(): number {
    return (this.#newest.get() as number | undefined) ?? this.#seals.all.at(-1)?.receivedLast ?? 0
  }

  /**
   * A position from which on all readings arrived at or after this time, found by bisection: the log is in order of
   * arrival. If that position is sealed, it is the first position of its seal.
   */
  firstSince(receivedAt: number, lastSeq: Seq): Seq {
    const seal = this.#seals.all.find(({ receivedLast }) => receivedLast >= receivedAt)
    if (seal !== undefined) return seal.first
    let low = this.#seals.sealedUpTo + 1
    let high = lastSeq + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (((this.#from.get(middle) as number | undefined) ?? Infinity) < receivedAt) low = middle + 1
      else high = middle
    }
    return low
  }
}
