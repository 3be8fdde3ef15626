import { worse } from '../../base/flags.ts'
import type { Quality, Value } from '../../base/reading.ts'

/** The fields that a block's summary and an hourly sum have in common. Those of values cover `numbers` numbers. */
export interface Summed {
  readonly readings: number
  readonly good: number
  readonly worst: Quality
  readonly numbers: number
  readonly valueMin: number | null
  readonly valueMax: number | null
  readonly valueSum: number | null
  /** Numbers that the values leave out because they are BAD; undefined: not known, or none. */
  readonly badLeftOut?: number
}

/**
 * Figures over some readings. Those of values cover numbers that are not BAD (quality 4), unless BAD ones are asked for;
 * they are null if there is no such number.
 */
export interface Figures {
  readonly readings: number
  /** Numbers that `avg`, `min`, `max` and `sum` cover. */
  readonly numbers: number
  /** BAD numbers that they leave out; those in hourly sums of removed readings are not counted. */
  readonly badLeftOut: number
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

/** Whether a summary can stand for its readings: it does not distinguish BAD numbers from others. */
export function summaryFits({ worst }: Pick<Summed, 'worst'>, includeBad: boolean): boolean {
  return includeBad || worst !== 4
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
  #badLeftOut = 0
  readonly #includeBad: boolean

  /** @param includeBad BAD numbers count like others */
  constructor(includeBad: boolean) {
    this.#includeBad = includeBad
  }

  /** Whether the values of a reading with this quality count. */
  counts(quality: Quality): boolean {
    return this.#includeBad || quality !== 4
  }

  add(value: Value, quality: Quality): void {
    this.#readings++
    if (quality === 1) this.#good++
    if (quality !== this.#worst) this.#worst = worse(this.#worst, quality)
    if (typeof value !== 'number') return
    if (!this.counts(quality)) {
      this.#badLeftOut++
      return
    }
    this.#numbers++
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    this.#sum += value
  }

  /** Adds readings that are summed up already: a summary that fits, or sums that leave BAD numbers out. */
  addSummed({ readings, good, worst, numbers, valueMin, valueMax, valueSum, badLeftOut = 0 }: Summed): void {
    this.#readings += readings
    this.#badLeftOut += badLeftOut
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
      badLeftOut: this.#badLeftOut,
      avg: sum === null ? null : sum / this.#numbers,
      min: some ? this.#min : null,
      max: some ? this.#max : null,
      sum,
      goodShare: this.#readings === 0 ? 0 : this.#good / this.#readings,
      worst: this.#worst,
    }
  }
}
