import type { Quality } from '../base/reading.ts'

export interface SpikeSettings {
  readonly suspect?: number | undefined
  readonly fail?: number | undefined
  /**
   * `differential`: the smaller of two opposite steps, else 0. `average`: distance from the mean of both neighbours; a
   * large spike moves that mean, so its good neighbours are flagged as well.
   */
  readonly method: 'average' | 'differential'
}

/** No value yet: NaN never occurs as a value, and results computed with it are NaN. */
const NONE = Number.NaN

/**
 * QARTOD spike: a value that is far from both neighbours. It needs the later neighbour, so a value is judged when the
 * next one arrives. The flag of a value without one of its neighbours (the first, the last, next to a missing one) is
 * 2. The time between readings does not matter.
 */
export class SpikeCheck {
  readonly #suspect: number
  readonly #fail: number
  readonly #average: boolean
  #before = NONE
  #latest = NONE

  constructor({ suspect = Infinity, fail = Infinity, method }: SpikeSettings) {
    this.#suspect = suspect
    this.#fail = fail
    this.#average = method === 'average'
  }

  /** Adds the next value and flags the one before it. */
  check(value: number): Quality {
    const before = this.#before
    const judged = this.#latest
    this.#before = judged
    this.#latest = value
    const distance = this.#average
      ? Math.abs(judged - (before + value) / 2)
      : smallerTurn(judged - before, value - judged)
    if (distance > this.#fail) return 4
    if (distance > this.#suspect) return 3
    return Number.isNaN(distance) ? 2 : 1
  }

  /** A value is missing here: neither of its neighbours can be judged. */
  reset(): void {
    this.#before = NONE
    this.#latest = NONE
  }
}

/** The smaller of two steps in opposite directions; 0: they have the same direction. */
function smallerTurn(up: number, down: number): number {
  return up * down >= 0 ? 0 : Math.min(Math.abs(up), Math.abs(down))
}
