import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'

/** What a receipt claims, compared with what was sent. */
export interface Claim {
  /** The parts that were sent, ascending. */
  readonly sent: readonly SeqRange[]
  /** Number of positions that were neither sent nor settled before: a receiver cannot have their readings. */
  readonly unsent: number
}

/**
 * Every position that this run has packed for one uplink in this epoch, answered or not, in memory only: a receipt
 * counts for no other. Receipts cannot change it, so it has a few intervals only, whatever a receiver answers.
 */
export class SentPositions {
  readonly #positions = new SeqSet()

  add(range: SeqRange): void {
    this.#positions.add(range)
  }

  /** A new epoch: nothing was sent in it. */
  clear(): void {
    this.#positions.clear()
  }

  /**
   * @param claimed `unsent`: what the uplink knows not to have sent, although it may have been packed
   * @param known `settled` positions need no receipt; `lastSeq` is the highest assigned position
   */
  claim(
    { ranges, unsent = [] }: { readonly ranges: readonly SeqRange[]; readonly unsent?: readonly SeqRange[] },
    { settled, lastSeq }: { readonly settled: SeqSet; readonly lastSeq: Seq },
  ): Claim {
    const sent: SeqRange[] = []
    let beyond = 0
    const count = ({ first, last }: SeqRange): void => {
      beyond += Math.max(0, last - Math.max(first, lastSeq + 1) + 1)
      const assigned = { first: Math.max(1, first), last: Math.min(last, lastSeq) }
      for (const open of settled.missing(assigned)) beyond += open.last - open.first + 1
    }
    for (const range of unsent) count(range)
    for (const range of ranges) {
      const ours = { first: Math.max(1, range.first), last: Math.min(range.last, lastSeq) }
      for (let part = this.#positions.from(ours.first); part !== undefined && part.first <= ours.last; ) {
        sent.push({ first: Math.max(ours.first, part.first), last: Math.min(ours.last, part.last) })
        part = this.#positions.from(part.last + 1)
      }
      for (const gap of this.#positions.missing(range)) count(gap)
    }
    return { sent, unsent: beyond }
  }
}
