import type { StoredReading } from '../base/reading.ts'

/** One series of a store, with the names that appear in the export. */
export interface ExportSeries {
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
}

/** UTC ms: `from` is included, `to` is not. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/**
 * Where an export reads from. An implementation must not keep a transaction open between two pages: a slow reader of
 * the output can make an export take any time.
 */
export interface ReadingSource<S extends ExportSeries = ExportSeries> {
  /** Time of the earliest reading of a series in the interval, or undefined when there is none. */
  first(series: S, interval: Interval): number | undefined
  /** The readings of a series in the interval, ascending in (ts, seq), in pages of a bounded size. */
  pages(series: S, interval: Interval): Iterable<readonly StoredReading[]>
}
