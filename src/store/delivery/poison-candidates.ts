import type { SeqSet } from '../../base/ranges.ts'
import type { Seq } from '../../base/reading.ts'
import type { RawLogRow } from '../log.ts'

/** Readings that were refused one by one, while nothing else was confirmed; with more it is not the readings. */
export const POISON_CANDIDATES_MAX = 16

export interface PoisonCandidate {
  readonly row: RawLogRow
  readonly reason: string
  /** UTC ms. */
  readonly at: number
}

/**
 * Single readings that the far side has refused, of which it is not sure yet that they are the cause: where an ACL forbids
 * everything, everything is refused. Something else that is confirmed meanwhile is the proof.
 */
export class PoisonCandidates {
  readonly #candidates = new Map<Seq, PoisonCandidate>()
  readonly #settled: SeqSet
  /** Something was confirmed since the first refusal of those that are being looked into. */
  #othersPass = false

  constructor(settled: SeqSet) {
    this.#settled = settled
  }

  /** Positions that are poisonCandidates, and neither parked nor acquitted yet. */
  get undecided(): readonly Seq[] {
    return [...this.#candidates.keys()].filter((seq) => !this.#settled.has(seq))
  }

  /** A refusal that follows no other begins a new look: what was confirmed before proves nothing about it. */
  begin(): void {
    this.#othersPass = false
  }

  othersPassed(): void {
    this.#othersPass = true
  }

  add(candidate: PoisonCandidate): void {
    this.#candidates.set(candidate.row[0], candidate)
  }

  /** Those that are proved now. What was parked before is sure to be on the disk, and forgotten. */
  *proved(): Generator<PoisonCandidate> {
    for (const [seq, candidate] of this.#candidates) {
      if (this.#settled.has(seq)) this.#candidates.delete(seq)
      else if (this.#othersPass) yield candidate
    }
  }

  clear(): void {
    this.#candidates.clear()
  }
}
