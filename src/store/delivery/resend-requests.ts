import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { Positions } from '../positions.ts'
import type { Stretch } from '../stretch.ts'

/** Stretches asked for at once; what is asked beyond them is passed over: the far side asks again. */
export const AGAIN_MAX = 1_000

/**
 * What a far side has lost and wants once more, in memory only: it asks again until it has it. What is not settled is not
 * in here, since it comes anyway.
 */
export class AskedAgain {
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
    if (this.#wanted.size >= AGAIN_MAX) return
    this.#wanted.add(range)
    for (const gap of settled.missing(range)) this.#wanted.remove(gap)
  }

  /** The next readings, and the positions that they stand for: what lies between is void. */
  next(countMax: number): { readonly range: SeqRange; readonly stretch: Stretch | undefined } | undefined {
    for (const wanted of this.#wanted) {
      const gap = this.#inFlight.missing(wanted)[0]
      if (gap === undefined) continue
      const stretch = this.#positions.stretch(gap, countMax)
      const isAll = (stretch?.count ?? 0) < countMax
      const last = isAll ? this.#endOfVoid(gap, stretch?.last) : stretch!.last
      return { range: { first: gap.first, last }, stretch }
    }
    return undefined
  }

  /** A stretch stops where readings are kept elsewhere: what is behind it is void only where nothing more comes. */
  #endOfVoid({ last }: SeqRange, reached: Seq | undefined): Seq {
    if (reached === undefined || reached === last) return last
    return this.#positions.stretch({ first: reached + 1, last }, 1) === undefined ? last : reached
  }

  take(range: SeqRange): void {
    this.#inFlight.add(range)
  }

  /** The far side has it, or refuses it. */
  remove(range: SeqRange): void {
    this.#wanted.remove(range)
    this.#inFlight.remove(range)
  }

  /** Nothing of it is on its way any more. */
  release(): void {
    this.#inFlight.clear()
  }

  clear(): void {
    this.#wanted.clear()
    this.#inFlight.clear()
  }
}
