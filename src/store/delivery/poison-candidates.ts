import type { SeqSet } from '../../base/ranges.ts'
import type { Seq } from '../../base/reading.ts'
import type { RawLogRow } from '../log.ts'

/**
 * Maximum number of readings that are refused one by one while nothing else is confirmed. With more, the readings are
 * not the cause.
 */
export const POISON_CANDIDATES_MAX = 16

export interface PoisonCandidate {
  readonly row: RawLogRow
  readonly reason: string
  /** UTC ms. */
  readonly at: number
}

/**
 * Single readings that the receiver has refused and that may not be the cause: if, for example, an ACL forbids
 * everything, everything is refused. They are proved to be the cause when something else is confirmed meanwhile.
 */
export class PoisonCandidates {
  readonly #candidates = new Map<Seq, PoisonCandidate>()
  readonly #settled: SeqSet
  /** Something else was confirmed since the first refusal of these candidates. */
  #othersPass = false

  constructor(settled: SeqSet) {
    this.#settled = settled
  }

  /** Positions of candidates that are neither parked nor confirmed yet. */
  get undecided(): readonly Seq[] {
    return [...this.#candidates.keys()].filter((seq) => !this.#settled.has(seq))
  }

  /** A refusal without open candidates begins a new search: earlier confirmations prove nothing about it. */
  begin(): void {
    this.#othersPass = false
  }

  othersPassed(): void {
    this.#othersPass = true
  }

  add(candidate: PoisonCandidate): void {
    this.#candidates.set(candidate.row[0], candidate)
  }

  /**
   * Candidates that are proved now. A candidate that was parked before is forgotten, because it is sure to be on the
   * disk.
   */
  *proved(): Generator<PoisonCandidate> {
    for (const [seq, candidate] of this.#candidates) {
      if (this.#settled.has(seq)) this.#candidates.delete(seq)
      else if (this.#othersPass) yield candidate
    }
  }

  /** A candidate that cannot be parked. */
  forget(seq: Seq): void {
    this.#candidates.delete(seq)
  }

  clear(): void {
    this.#candidates.clear()
  }
}
