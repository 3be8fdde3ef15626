import type { Seq, SeqRange } from '../../base/reading.ts'

/**
 * Maximum number of stretches at once. Beyond it the oldest are forgotten; a reading in them that is refused is found
 * again by a new bisection.
 */
const BISECTION_MAX = 256

/**
 * Stretches of positions in which the receiver refuses something. Each is sent in a message of its own, so that an
 * answer applies to it alone. It is halved with every refusal: a stretch of n positions is reduced to the one reading
 * in log2 n steps.
 */
export class Bisection {
  #stretches: SeqRange[] = []

  get size(): number {
    return this.#stretches.length
  }

  /** A stretch of at least two positions was refused as a whole: its halves are to be tried. */
  halve({ first, last }: SeqRange): void {
    const middle = Math.floor((first + last) / 2)
    const others = this.#stretches.filter((one) => one.last < first || last < one.first)
    const halves = [
      { first, last: middle },
      { first: middle + 1, last },
    ]
    this.#stretches = [...others, ...halves].sort((a, b) => a.first - b.first).slice(-BISECTION_MAX)
  }

  /** Adds a single position that was refused and is to be tried again by itself. */
  add(seq: Seq): void {
    this.clear({ first: seq, last: seq })
    this.#stretches = [...this.#stretches, { first: seq, last: seq }]
      .sort((a, b) => a.first - b.first)
      .slice(-BISECTION_MAX)
  }

  /** The last position of a message that begins at a position: it must not leave its stretch or enter the next one. */
  limit({ first, last }: SeqRange): Seq {
    for (const stretch of this.#stretches) {
      if (stretch.last < first) continue
      return Math.min(last, stretch.first <= first ? stretch.last : stretch.first - 1)
    }
    return last
  }

  /** Removes the stretches that lie inside this range. */
  clear({ first, last }: SeqRange): void {
    if (this.#stretches.length === 0) return
    this.#stretches = this.#stretches.filter((one) => one.first < first || last < one.last)
  }
}
