import type { Seq, SeqRange } from '../../base/reading.ts'

/** Stretches under suspicion at once; with more the oldest are forgotten, and found again if they deserve it. */
const BISECTION_MAX = 256

/**
 * Positions among which the far side refuses something: each stretch is to be sent by itself, so that an answer is about
 * it alone. Halved with every refusal, a stretch of n positions comes down to the one reading in log2 n steps.
 */
export class Bisection {
  #stretches: SeqRange[] = []

  get size(): number {
    return this.#stretches.length
  }

  /** This stretch, of at least two positions, was refused as a whole: its halves are to be tried. */
  halve({ first, last }: SeqRange): void {
    const middle = Math.floor((first + last) / 2)
    const others = this.#stretches.filter((one) => one.last < first || last < one.first)
    const halves = [
      { first, last: middle },
      { first: middle + 1, last },
    ]
    this.#stretches = [...others, ...halves].sort((a, b) => a.first - b.first).slice(-BISECTION_MAX)
  }

  /** A single position that was refused, and is to be tried again by itself. */
  add(seq: Seq): void {
    this.clear({ first: seq, last: seq })
    this.#stretches = [...this.#stretches, { first: seq, last: seq }]
      .sort((a, b) => a.first - b.first)
      .slice(-BISECTION_MAX)
  }

  /** How far a message may reach that begins at a position: not out of its stretch, not into the next one. */
  limit({ first, last }: SeqRange): Seq {
    for (const stretch of this.#stretches) {
      if (stretch.last < first) continue
      return Math.min(last, stretch.first <= first ? stretch.last : stretch.first - 1)
    }
    return last
  }

  /** Nothing here is suspect any more. */
  clear({ first, last }: SeqRange): void {
    if (this.#stretches.length === 0) return
    this.#stretches = this.#stretches.filter((one) => one.first < first || last < one.last)
  }
}
