import { worse } from '../../base/flags.ts'
import type { Quality, Value } from '../../base/reading.ts'

/** The fields that a block's summary and an hourly sum have in common. */
export interface Summed {
  readonly readings: number
  readonly good: number
  readonly worst: Quality
  readonly numbers: number
  readonly valueMin: number | null
  readonly valueMax: number | null
  readonly valueSum: number | null
}

/** Figures over some readings. Those of values cover numbers only, and are null if there is no number. */
export interface Figures {
  readonly readings: number
  readonly numbers: number
  /** Also null if the sum is undefined (∞ − ∞). */
  readonly avg: number | null
  readonly min: number | null
  readonly max: number | null
  readonly sum: number | null
  /** Share of readings with quality 1, 0 to 1. */
  readonly goodShare: number
  /** Roll-up of all qualities, 9 < 2 < 1 < 3 < 4. */
  readonly worst: Quality
}

/** The roll-up of flags; 9 if there is none. */
export function worstOf(flags: Iterable<Quality>): Quality {
  let worst: Quality = 9
  for (const flag of flags) worst = worse(worst, flag)
  return worst
}

/** Sums up readings, one by one or in groups that are already summed. */
export class Sums {
  #readings = 0
  #good = 0
  #worst: Quality = 9
  #numbers = 0
  #min = Infinity
  #max = -Infinity
  #sum = 0

  add(value: Value, quality: Quality): void {
    this.#readings++
    if (quality === 1) this.#good++
    if (quality !== this.#worst) this.#worst = worse(this.#worst, quality)
    if (typeof value !== 'number') return
    this.#numbers++
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    this.#sum += value
  }

  addSummed({ readings, good, worst, numbers, valueMin, valueMax, valueSum }: Summed): void {
    this.#readings += readings
    this.#good += good
    this.#worst = worse(this.#worst, worst)
    if (numbers === 0) return
    this.#numbers += numbers
    this.#min = Math.min(this.#min, valueMin ?? Infinity)
    this.#max = Math.max(this.#max, valueMax ?? -Infinity)
    this.#sum += valueSum ?? Number.NaN
  }

  figures(): Figures {
    const some = this.#numbers > 0
    const sum = some && !Number.isNaN(this.#sum) ? this.#sum : null
    return {
      readings: this.#readings,
      numbers: this.#numbers,
      avg: sum === null ? null : sum / this.#numbers,
      min: some ? this.#min : null,
      max: some ? this.#max : null,
      sum,
      goodShare: this.#readings === 0 ? 0 : this.#good / this.#readings,
      worst: this.#worst,
    }
  }
}
