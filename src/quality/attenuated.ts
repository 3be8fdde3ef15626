import type { Quality } from '../base/reading.ts'
import { COUNT, FIRST, HIGH, LOW, MEAN, SQUARES, TimeBuckets, widen } from './buckets.ts'

export interface AttenuatedSettings {
  readonly windowS: number
  /** `range`: max − min; `std`: population standard deviation. */
  readonly method: 'range' | 'std'
  readonly suspect?: number | undefined
  readonly fail?: number | undefined
  readonly minSamples: number
}

/**
 * QARTOD attenuated signal: the range or standard deviation of the window is below a threshold. The flag is 2 until the
 * readings since the last long silence span the window and are at least `minSamples`. The window reaches back to the
 * last reading that is `windowS` old, and beyond it by less than a fifteenth of `windowS`: a range is never computed
 * from less than the window.
 */
export class AttenuatedCheck {
  readonly #windowMs: number
  readonly #std: boolean
  readonly #suspect: number
  readonly #fail: number
  readonly #minSamples: number
  readonly #maxGapMs: number
  readonly #buckets: TimeBuckets
  #ts = Number.NaN

  constructor(settings: AttenuatedSettings, maxGapMs: number) {
    this.#windowMs = settings.windowS * 1000
    this.#std = settings.method === 'std'
    this.#suspect = settings.suspect ?? -Infinity
    this.#fail = settings.fail ?? -Infinity
    this.#minSamples = settings.minSamples
    this.#maxGapMs = maxGapMs
    this.#buckets = new TimeBuckets(this.#windowMs)
  }

  /** Flags a value. @param ts UTC milliseconds; never below that of the call before */
  check(value: number, ts: number): Quality {
    if (ts - this.#ts > this.#maxGapMs) this.reset()
    this.#ts = ts
    const at = this.#buckets.place(ts)
    if (this.#std) addMoment(this.#buckets.cells, at, value)
    else widen(this.#buckets.cells, at, value)
    if (!this.#buckets.spans(this.#windowMs, ts)) return 2
    const spread = this.#std ? this.#deviation(ts) : this.#range(ts)
    if (Number.isNaN(spread)) return 2
    if (spread < this.#fail) return 4
    return spread < this.#suspect ? 3 : 1
  }

  reset(): void {
    this.#buckets.keep(0)
    this.#ts = Number.NaN
  }

  /** max − min of the window; NaN: fewer than `minSamples` readings. */
  #range(now: number): number {
    const { cells } = this.#buckets
    let count = 0
    let low = Infinity
    let high = -Infinity
    for (let age = 0; age < this.#buckets.size; age++) {
      const at = this.#buckets.at(age)
      count += cells[at + COUNT]!
      low = Math.min(low, cells[at + LOW]!)
      high = Math.max(high, cells[at + HIGH]!)
      if (now - cells[at + FIRST]! >= this.#windowMs) break
    }
    return count < this.#minSamples ? Number.NaN : high - low
  }

  /**
   * Standard deviation of the window; NaN: fewer than `minSamples` readings. Buckets are combined as in Chan, Golub and
   * LeVeque 1979.
   */
  #deviation(now: number): number {
    const { cells } = this.#buckets
    let count = 0
    let mean = 0
    let squares = 0
    for (let age = 0; age < this.#buckets.size; age++) {
      const at = this.#buckets.at(age)
      const added = cells[at + COUNT]!
      const delta = cells[at + MEAN]! - mean
      squares += cells[at + SQUARES]! + (delta * delta * count * added) / (count + added)
      mean += (delta * added) / (count + added)
      count += added
      if (now - cells[at + FIRST]! >= this.#windowMs) break
    }
    return count < this.#minSamples ? Number.NaN : Math.sqrt(squares / count)
  }
}

/** Adds a value to mean and sum of squared deviations (Welford 1962) of the bucket that begins at `at`. */
function addMoment(cells: Float64Array, at: number, value: number): void {
  const count = ++cells[at + COUNT]!
  if (count === 1) {
    cells[at + MEAN] = value
    cells[at + SQUARES] = 0
    return
  }
  const delta = value - cells[at + MEAN]!
  cells[at + MEAN]! += delta / count
  cells[at + SQUARES]! += delta * (value - cells[at + MEAN]!)
}
