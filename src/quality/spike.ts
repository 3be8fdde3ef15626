import type { Quality } from '../base/reading.ts'

export interface SpikeSettings {
  readonly suspect?: number | undefined
  readonly fail?: number | undefined
  /** `average`: distance from the mean of both neighbours; `differential`: the smaller step, if the steps turn. */
  readonly method: 'average' | 'differential'
}

/** No value yet: NaN never occurs as a value, and whatever is computed with it stays NaN. */
const NONE = Number.NaN

/**
 * QARTOD spike: a value far from both of its neighbours. It needs the later neighbour, so it judges one value late.
 * A value that lacks a neighbour (first, last, beside a missing one) is 2. Time plays no part.
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

  /** Takes the next value and flags the one before it. */
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

  /** The value at this place is missing: neither neighbour can be judged by it. */
  reset(): void {
    this.#before = NONE
    this.#latest = NONE
  }
}

/** The smaller of two steps in opposite directions; 0 when they do not turn. */
function smallerTurn(up: number, down: number): number {
  return up * down >= 0 ? 0 : Math.min(Math.abs(up), Math.abs(down))
}
