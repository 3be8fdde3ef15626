import type { Seq } from '../../base/reading.ts'

/** A stretch of the readings' own time, UTC ms: `from` is in it, `to` is not. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** Every time that a reading can have. */
export const ALWAYS: Interval = { from: Number.MIN_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER }

/** Where a reading stands in the history of its series: by time; of equal times, by position. */
export interface ReadingKey {
  readonly ts: number
  readonly seq: Seq
}

export function isBefore(a: ReadingKey, b: ReadingKey): boolean {
  return a.ts < b.ts || (a.ts === b.ts && a.seq < b.seq)
}
