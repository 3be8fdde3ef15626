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
  /** A number that changes when the clock of the edge is set back: arrivals of an earlier run may be too late. */
  readonly clockRun: number
  /** True: the same message had a reading of the series before this one; with an equal time neither repeats the other. */
  readonly hasSibling?: boolean
}

/** The latest reading of a series that was in order. */
export interface Latest {
  /** UTC milliseconds; NEVER: there is none. */
  readonly lastTs: number
  /** The run of the edge's clock that gave this time; DEVICE_CLOCK: the time came with the reading. */
  readonly lastRun: number
}

export const NEVER = -Infinity
export const DEVICE_CLOCK = Infinity

/** The run of the clock that gave a reading its time. A reading that has the time of its arrival has no time of its own. */
export function runOf({ ts, receivedAt, clockRun }: Pick<Times, 'ts' | 'receivedAt' | 'clockRun'>): number {
  return ts === receivedAt ? clockRun : DEVICE_CLOCK
}

/** Whether the edge gave the latest reading its time, and its clock was set back since: that time says nothing about later ones. */
export function isOutdated({ lastRun }: Latest, clockRun: number): boolean {
  return lastRun !== DEVICE_CLOCK && lastRun !== clockRun
}

/** Readings with one of these reasons are out of order in time: windows ignore them. */
export const OUT_OF_ORDER = Reason.TIME_FUTURE | Reason.TIME_BACKWARD | Reason.DUPLICATE

/**
 * Judges the time of a reading by the clock of the edge and by the latest reading in order. Future and stale times can
 * only be detected with a synchronised clock; without one, every reading is suspect. The draft already has the claim of
 * the device: a backfill (HISTORICAL) is never stale. A reading is not out of order because the latest one has a wrong
 * time: the series then starts again.
 */
export function judgeTime(draft: VerdictDraft, times: Times, latest: Latest, limits: TimeLimits): void {
  const { ts, receivedAt } = times
  const { lastTs } = latest
  if (!times.clockSynced) {
    draft.lower(3, Reason.CLOCK_UNSYNCED)
  } else if (ts > receivedAt + limits.futureMs) {
    draft.lower(4, Reason.TIME_FUTURE)
    return
  } else if (receivedAt - ts > limits.staleMs && !draft.has(Reason.HISTORICAL)) {
    draft.lower(3, Reason.TIME_STALE)
  }
  if (isOutdated(latest, times.clockRun)) return
  if (ts > lastTs) {
    if (lastTs !== NEVER && ts - lastTs > limits.gapMs) draft.lower(1, Reason.GAP_BEFORE)
  } else if (ts === lastTs) {
    if (times.hasSibling !== true) draft.lower(1, Reason.DUPLICATE)
  } else if (!isWrong(lastTs, times, limits)) {
    draft.lower(3, Reason.TIME_BACKWARD)
  }
}

/**
 * Whether the latest time itself is in the future: it was accepted before the edge had the right time. The series then
 * starts again; otherwise every reading would count as going backward until that time is reached.
 */
function isWrong(lastTs: number, { receivedAt, clockSynced }: Times, { futureMs }: TimeLimits): boolean {
  return clockSynced && lastTs > receivedAt + futureMs
}
