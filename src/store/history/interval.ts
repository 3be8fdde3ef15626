import type { Seq } from '../../base/reading.ts'

/** An interval of the readings' own time, UTC ms: includes `from`, excludes `to`. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** All times that a reading can have. */
export const ALWAYS: Interval = { from: Number.MIN_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER }

/** Sort key of a reading in the history of its series: by time; for equal times, by position. */
export interface ReadingKey {
  readonly ts: number
  readonly seq: Seq
}

export function isBefore(a: ReadingKey, b: ReadingKey): boolean {
  return a.ts < b.ts || (a.ts === b.ts && a.seq < b.seq)
}
