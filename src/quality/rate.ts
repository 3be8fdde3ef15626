import type { Quality } from '../base/reading.ts'

export interface RateSettings {
  /** Change per second. */
  readonly suspect?: number | undefined
  readonly fail?: number | undefined
}

/**
 * QARTOD rate of change, compared with the last value that was not missing. The first value is good, because there is
 * nothing to compare it with. After a silence longer than `maxGapMs` the flag is 2: the change may have happened at any
 * time during the silence.
 */
export class RateCheck {
  readonly #suspect: number
  readonly #fail: number
  readonly #maxGapMs: number
  #value = Number.NaN
  #ts = Number.NaN

  constructor({ suspect = Infinity, fail = Infinity }: RateSettings, maxGapMs: number) {
    this.#suspect = suspect
    this.#fail = fail
    this.#maxGapMs = maxGapMs
  }

  /**
   * Flags a value.
   * @param ts UTC milliseconds. If it is not later than that of the value before, the flag is 2, and the next value is
   *   compared with that value before
   */
  check(value: number, ts: number): Quality {
    const elapsedMs = ts - this.#ts
    if (elapsedMs <= 0) return 2
    const change = Math.abs(value - this.#value)
    this.#value = value
    this.#ts = ts
    if (elapsedMs > this.#maxGapMs) return 2
    const perSecond = change / (elapsedMs / 1000)
    if (perSecond > this.#fail) return 4
    return perSecond > this.#suspect ? 3 : 1
  }

  reset(): void {
    this.#value = Number.NaN
    this.#ts = Number.NaN
  }
}
