import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { Positions } from '../positions.ts'
import type { Stretch } from '../stretch.ts'

/** Maximum number of requested stretches at once; further requests are ignored, and the receiver repeats them. */
export const AGAIN_MAX = 1_000

/**
 * Positions that the receiver has lost and requests again, in memory only: the receiver repeats its request until it
 * has them. Positions that are not settled are not included, because they are sent anyway.
 */
export class ResendRequests {
  readonly #positions: Positions
  readonly #wanted = new SeqSet()
  readonly #inFlight = new SeqSet()

  constructor(positions: Positions) {
    this.#positions = positions
  }

  get isEmpty(): boolean {
    return this.#wanted.size === 0
  }

  add(range: SeqRange, settled: SeqSet): void {
    let next = range.first
    for (let part = settled.from(next); part !== undefined && part.first <= range.last; part = settled.from(next)) {
      if (this.#wanted.size >= AGAIN_MAX) return
      this.#wanted.add({ first: Math.max(next, part.first), last: Math.min(range.last, part.last) })
      next = part.last + 1
    }
  }

  /** The next readings, and the range that they answer: positions in it without a reading are empty. */
  next(countMax: number): { readonly range: SeqRange; readonly stretch: Stretch | undefined } | undefined {
    for (const wanted of this.#wanted) {
      const gap = this.#inFlight.missing(wanted)[0]
      if (gap === undefined) continue
      const stretch = this.#positions.stretch(gap, countMax)
      const isAll = (stretch?.count ?? 0) < countMax
      const last = isAll ? this.#endOfEmpty(gap, stretch?.last) : stretch!.last
      return { range: { first: gap.first, last }, stretch }
    }
    return undefined
  }

  /**
   * A stretch ends where the next readings are kept in another place: the positions after it are empty only if no
   * further reading follows.
   */
  #endOfEmpty({ last }: SeqRange, reached: Seq | undefined): Seq {
    if (reached === undefined || reached === last) return last
    return this.#positions.stretch({ first: reached + 1, last }, 1) === undefined ? last : reached
  }

  take(range: SeqRange): void {
    this.#inFlight.add(range)
  }

  /** Whether a position of this range is requested. */
  wants({ first, last }: SeqRange): boolean {
    return (this.#wanted.from(first)?.first ?? Infinity) <= last
  }

  /** The receiver has the range, or refuses it. */
  remove(range: SeqRange): void {
    this.#wanted.remove(range)
    this.#inFlight.remove(range)
  }

  /** Nothing is in flight any more. */
  release(): void {
    this.#inFlight.clear()
  }

  clear(): void {
    this.#wanted.clear()
    this.#inFlight.clear()
  }
}
