import type { SeqRange, Value } from '../base/reading.ts'
import type { Origin } from './origin.ts'

/** The readings of one series, in ascending `seq`. All columns have the same length, at least one. */
export interface SeriesBlock {
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
  readonly seq: Float64Array
  /** UTC milliseconds, in any order. */
  readonly ts: Float64Array
  readonly values: readonly Value[]
  /** QARTOD flags: 1, 2, 3, 4 or 9. */
  readonly quality: Uint8Array
  readonly reasons: Uint32Array
}

export interface Batch extends Origin {
  readonly series: readonly SeriesBlock[]
  /** Positions of all readings, and positions that the batch declares empty; none occurs twice. */
  readonly ranges: readonly SeqRange[]
  /** Number of readings; 0 if the batch only declares positions empty. */
  readonly count: number
}
