import type { StoredReading } from '../../src/base/reading.ts'
import type { ExportSeries, Interval, ReadingSource } from '../../src/export/source.ts'

/** A source of readings in an array, with at most `rowsMax` of them per page. */
export class ArraySource implements ReadingSource {
  readonly #readings: readonly StoredReading[]
  readonly #rowsMax: number

  constructor(readings: readonly StoredReading[], rowsMax = 100) {
    this.#readings = readings.toSorted((a, b) => a.ts - b.ts || a.seq - b.seq)
    this.#rowsMax = rowsMax
  }

  series(): ExportSeries[] {
    const all = new Map(this.#readings.map((one) => [keyOf(one), one]))
    return [...all.values()].map(({ device, metric, unit }) => ({ device, metric, unit }))
  }

  first(series: ExportSeries, interval: Interval): number | undefined {
    return this.#of(series, interval)[0]?.ts
  }

  *pages(series: ExportSeries, interval: Interval): Iterable<StoredReading[]> {
    const all = this.#of(series, interval)
    for (let i = 0; i < all.length; i += this.#rowsMax) yield all.slice(i, i + this.#rowsMax)
  }

  #of(series: ExportSeries, { from, to }: Interval): StoredReading[] {
    return this.#readings.filter((one) => keyOf(one) === keyOf(series) && one.ts >= from && one.ts < to)
  }
}

function keyOf({ device, metric, unit }: ExportSeries): string {
  return JSON.stringify([device, metric, unit])
}
