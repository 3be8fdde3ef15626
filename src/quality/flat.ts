import type { Quality } from '../base/reading.ts'
import { COUNT, HIGH, LOW, TimeBuckets, widen } from './buckets.ts'

export interface FlatSettings {
  readonly suspectS?: number | undefined
  readonly failS?: number | undefined
  /** Values whose max − min is below this count as unchanged; equal values always do, even if this is 0. */
  readonly tolerance: number
  readonly minSamples: number
}

/**
 * QARTOD flat line: the values have stayed within the tolerance for `suspectS` or `failS`. A flag is never early: the
 * flagged reading ends a run of at least that length whose values do not differ. It is late by at most a fifteenth of
 * the longer of the two times, and only if a value ended part of a run, but not all of it. A `minSamples` above 16 must
 * be reached within the longer time.
 */
export class FlatCheck {
  readonly #suspectMs: number
  readonly #failMs: number
  readonly #shorterMs: number
  readonly #tolerance: number
  readonly #minSamples: number
  readonly #maxGapMs: number
  /** The run: the latest readings that do not differ from each other. */
  readonly #run: TimeBuckets
  /** Bounds of the run. They may still include dropped buckets; the next `#shorten` corrects that. */
  #low = Infinity
  #high = -Infinity
  #ts = Number.NaN

  constructor({ suspectS = Infinity, failS = Infinity, tolerance, minSamples }: FlatSettings, maxGapMs: number) {
    this.#suspectMs = suspectS * 1000
    this.#failMs = failS * 1000
    this.#shorterMs = Math.min(this.#suspectMs, this.#failMs)
    this.#tolerance = tolerance
    this.#minSamples = minSamples
    this.#maxGapMs = maxGapMs
    const finite = [this.#suspectMs, this.#failMs].filter(Number.isFinite)
    this.#run = new TimeBuckets(Math.max(0, ...finite))
  }

  /** Flags a value. @param ts UTC milliseconds; never below that of the call before */
  check(value: number, ts: number): Quality {
    if (ts - this.#ts > this.#maxGapMs) this.reset()
    this.#ts = ts
    if (value < this.#low) this.#low = value
    if (value > this.#high) this.#high = value
    if (this.#differ(this.#low, this.#high)) this.#shorten(value)
    widen(this.#run.cells, this.#run.place(ts), value)
    if (!this.#run.spans(this.#shorterMs, ts) || this.#count() < this.#minSamples) return 1
    if (this.#run.spans(this.#failMs, ts)) return 4
    return this.#run.spans(this.#suspectMs, ts) ? 3 : 1
  }

  reset(): void {
    this.#run.keep(0)
    this.#low = Infinity
    this.#high = -Infinity
    this.#ts = Number.NaN
  }

  #differ(low: number, high: number): boolean {
    return high > low && high - low >= this.#tolerance
  }

  /** Keeps only the newest buckets, as far as their values do not differ from this one. */
  #shorten(value: number): void {
    const { cells } = this.#run
    let kept = 0
    this.#low = value
    this.#high = value
    for (; kept < this.#run.size; kept++) {
      const at = this.#run.at(kept)
      const low = Math.min(this.#low, cells[at + LOW]!)
      const high = Math.max(this.#high, cells[at + HIGH]!)
      if (this.#differ(low, high)) break
      this.#low = low
      this.#high = high
    }
    this.#run.keep(kept)
  }

  #count(): number {
    let count = 0
    for (let age = 0; age < this.#run.size; age++) count += this.#run.cells[this.#run.at(age) + COUNT]!
    return count
  }
}
