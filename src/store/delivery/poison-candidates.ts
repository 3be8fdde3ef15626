import type { SeqSet } from '../../base/ranges.ts'
import type { Seq } from '../../base/reading.ts'
import type { RawLogRow } from '../log.ts'

/** Readings that were refused one by one, while nothing else was confirmed; with more it is not the readings. */
export const ACCUSED_MAX = 16

export interface Accusation {
  readonly row: RawLogRow
  readonly reason: string
  /** UTC ms. */
  readonly at: number
}

/**
 * Single readings that the far side has refused, of which it is not sure yet that they are the cause: where an ACL forbids
 * everything, everything is refused. Something else that is confirmed meanwhile is the proof.
 */
export class Accused {
  readonly #accusations = new Map<Seq, Accusation>()
  readonly #settled: SeqSet
  /** Something was confirmed since the first refusal of those that are being looked into. */
  #othersPass = false

  constructor(settled: SeqSet) {
    this.#settled = settled
  }

  /** Positions that are accused, and neither parked nor acquitted yet. */
  get undecided(): readonly Seq[] {
    return [...this.#accusations.keys()].filter((seq) => !this.#settled.has(seq))
  }

  /** A refusal that follows no other begins a new look: what was confirmed before proves nothing about it. */
  begin(): void {
    this.#othersPass = false
  }

  othersPassed(): void {
    this.#othersPass = true
  }

  add(accusation: Accusation): void {
    this.#accusations.set(accusation.row[0], accusation)
  }

  /** Those that are proved now. What was parked before is sure to be on the disk, and forgotten. */
  *proved(): Generator<Accusation> {
    for (const [seq, accusation] of this.#accusations) {
      if (this.#settled.has(seq)) this.#accusations.delete(seq)
      else if (this.#othersPass) yield accusation
    }
  }

  clear(): void {
    this.#accusations.clear()
  }
}
