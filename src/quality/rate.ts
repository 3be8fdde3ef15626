import type { Quality } from '../base/reading.ts'

export interface RateSettings {
  /** Change per second. */
  readonly suspect?: number | undefined
  readonly fail?: number | undefined
}

/**
 * QARTOD rate of change against the last value that was not missing. The first value has nothing to differ from and
 * is good; after a silence longer than `maxGapMs` the value is 2, because the change may have taken all that time.
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

  /** @param ts UTC milliseconds. A time that does not rise is 2, and the next value is compared with the same as this. */
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
