import { Reason } from '../base/flags.ts'
import type { Quality } from '../base/reading.ts'

export type Bounds = readonly [low: number, high: number]

export interface RangeSettings {
  readonly fail?: Bounds | undefined
  /** Must lie inside `fail`. */
  readonly suspect?: Bounds | undefined
}

const UNBOUNDED: Bounds = [-Infinity, Infinity]

/** QARTOD gross range: outside `fail` the flag is 4, else outside `suspect` 3. The bounds themselves are good. */
export class RangeCheck {
  readonly #failLow: number
  readonly #failHigh: number
  readonly #suspectLow: number
  readonly #suspectHigh: number

  constructor({ fail = UNBOUNDED, suspect = fail }: RangeSettings) {
    ;[this.#failLow, this.#failHigh] = fail
    ;[this.#suspectLow, this.#suspectHigh] = suspect
  }

  check(value: number): Quality {
    if (value >= this.#suspectLow && value <= this.#suspectHigh) return 1
    return value >= this.#failLow && value <= this.#failHigh ? 3 : 4
  }

  /** The reason bit for a value whose flag is not 1. */
  reason(value: number): number {
    if (value < this.#failLow) return Reason.RANGE_LO
    if (value > this.#failHigh) return Reason.RANGE_HI
    return value < this.#suspectLow ? Reason.WARN_LO : Reason.WARN_HI
  }
}
