import { Reason } from '../base/flags.ts'
import type { VerdictDraft } from './draft.ts'

/** Limits in milliseconds; Infinity: the check is off. */
export interface TimeLimits {
  readonly futureMs: number
  readonly staleMs: number
  readonly gapMs: number
}

/** The times of a reading, UTC milliseconds. */
export interface Times {
  readonly ts: number
  readonly receivedAt: number
  /** False: the clock of the edge, which gave `receivedAt`, is not synchronised. */
  readonly clockSynced: boolean
  /** True: the same message had a reading of the series before this one; with an equal time neither repeats the other. */
  readonly hasSibling?: boolean
}

/** Value of `last` for a series without a reading. */
export const NEVER = -Infinity

/** Readings with one of these reasons are out of order in time: windows ignore them. */
export const OUT_OF_ORDER = Reason.TIME_FUTURE | Reason.TIME_BACKWARD | Reason.DUPLICATE

/**
 * Judges the time of a reading by the clock of the edge and by `last`, the time of the latest reading in order. Future
 * and stale times can only be detected with a synchronised clock; without one, every reading is suspect. The draft
 * already has the claim of the device: a backfill (HISTORICAL) is never stale.
 */
export function judgeTime(draft: VerdictDraft, times: Times, last: number, limits: TimeLimits): void {
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
    if (times.hasSibling !== true) draft.lower(1, Reason.DUPLICATE)
  } else if (!isWrong(last, times, limits)) {
    draft.lower(3, Reason.TIME_BACKWARD)
  }
}

/**
 * Whether `last` itself is in the future: it was accepted before the edge had the right time. The series then starts
 * again; otherwise every reading would count as going backward until that time is reached.
 */
function isWrong(last: number, { receivedAt, clockSynced }: Times, { futureMs }: TimeLimits): boolean {
  return clockSynced && last > receivedAt + futureMs
}
