import { Reason } from '../base/flags.ts'
import type { Draft } from './draft.ts'

/** All in milliseconds; Infinity where the check is off. */
export interface TimeLimits {
  readonly futureMs: number
  readonly staleMs: number
  readonly gapMs: number
}

/** What is known of the times around a reading. UTC milliseconds. */
export interface Times {
  readonly ts: number
  readonly receivedAt: number
  /** False: nobody vouches for the edge's own clock, which gave `receivedAt`. */
  readonly clockSynced: boolean
}

/** `last` of a series that has no reading yet. */
export const NEVER = -Infinity

/** Readings with one of these have no place in the row of times: no window takes them in. */
export const OUT_OF_ORDER = Reason.TIME_FUTURE | Reason.TIME_BACKWARD | Reason.DUPLICATE

/**
 * Judges the time of a reading against the edge's clock and against `last`, the time of the latest reading in order.
 * Only a synced clock can tell future and stale; without it every reading is suspect. The draft already holds what the
 * device says: a backfill (HISTORICAL) is never stale.
 */
export function judgeTime(draft: Draft, times: Times, last: number, limits: TimeLimits): void {
  const { ts, receivedAt } = times
  if (!times.clockSynced) {
    draft.lower(3, Reason.CLOCK_UNSYNCED)
  } else if (ts > receivedAt + limits.futureMs) {
    draft.lower(4, Reason.TIME_FUTURE)
    return
  } else if (receivedAt - ts > limits.staleMs && !draft.has(Reason.HISTORICAL)) {
    draft.lower(3, Reason.TIME_STALE)
  }
  if (ts > last) {
    if (last !== NEVER && ts - last > limits.gapMs) draft.lower(1, Reason.GAP_BEFORE)
  } else if (ts === last) {
    draft.lower(1, Reason.DUPLICATE)
  } else if (!isWrong(last, times, limits)) {
    draft.lower(3, Reason.TIME_BACKWARD)
  }
}

/**
 * True when `last` itself turns out to lie in the future: it was taken from a wrong clock before the edge had the
 * right time. The series then begins anew, or else every reading would go backward until that future has come.
 */
function isWrong(last: number, { receivedAt, clockSynced }: Times, { futureMs }: TimeLimits): boolean {
  return clockSynced && last > receivedAt + futureMs
}
