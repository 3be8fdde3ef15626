import type { Plant } from './plant.ts'

/** A question about one series of the plant. Times are UTC ms; `from` is included, `to` is not. */
export interface Question {
  readonly series: number
  readonly from: number
  readonly to: number
}

export interface Answer {
  /** When the first row and when all rows had been read (monotonic ms). */
  readonly firstAt: number
  readonly doneAt: number
  /** All columns of all rows one after the other, to be compared; called after the clock is stopped. */
  numbers(): number[]
}

export const RANGE_COLUMNS = ['ts', 'value', 'quality', 'reasons'] as const
export const BUCKET_COLUMNS = ['start', 'count', 'sum', 'min', 'max'] as const
export const BUCKET_MS = 3_600_000

/** A database of readings that is open for questions. */
export interface HistoryReader {
  /** Columns RANGE_COLUMNS, in order of time. */
  range(question: Question): Answer | Promise<Answer>
  /** Columns BUCKET_COLUMNS of every hour that has readings, in order of time. */
  buckets(question: Question): Answer | Promise<Answer>
  /** The number of all readings; not measured. */
  count(): number | Promise<number>
  close(): void
}

export interface HistoryPeer {
  /** Makes the database of these readings in an empty folder; at the end everything is on the disk. */
  build(folder: string, plant: Plant, rows: number): void | Promise<void>
  open(folder: string): HistoryReader | Promise<HistoryReader>
}
