import { PLANT_START, type Readings } from './plant.ts'

/** Sums of the same values in another order: the greatest relative difference. */
const SUM_ERROR_MAX = 1e-9

/** Number, times and values of the readings of each series, summed: of what was stored, and of what is found afterwards. */
export class Checksums {
  readonly #count: Float64Array
  /** Of the times after `PLANT_START`: exact, while sums of UTC milliseconds would not be. */
  readonly #ts: Float64Array
  readonly #value: Float64Array

  constructor(seriesCount: number) {
    this.#count = new Float64Array(seriesCount)
    this.#ts = new Float64Array(seriesCount)
    this.#value = new Float64Array(seriesCount)
  }

  addAll({ count, series, ts, value }: Readings): void {
    for (let i = 0; i < count; i++) this.add(series[i]!, ts[i]! - PLANT_START, value[i]!)
  }

  /** @param ts milliseconds after `PLANT_START`, or the sum of `count` of them. @param value likewise. */
  add(series: number, ts: number, value: number, count = 1): void {
    this.#count[series]! += count
    this.#ts[series]! += ts
    this.#value[series]! += value
  }

  /** @throws Error with the first series that differs. */
  verify(found: Checksums): void {
    for (let series = 0; series < this.#count.length; series++) {
      const [expected, actual] = [this.#of(series), found.#of(series)]
      const same = expected.count === actual.count && expected.ts === actual.ts && isNear(expected.value, actual.value)
      if (same) continue
      throw new Error(`series ${series}: stored ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`)
    }
  }

  #of(series: number): { count: number; ts: number; value: number } {
    return { count: this.#count[series]!, ts: this.#ts[series]!, value: this.#value[series]! }
  }
}

/** Whether two sums of the same numbers in different orders may be equal. */
export function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= SUM_ERROR_MAX * Math.max(Math.abs(a), Math.abs(b))
}
