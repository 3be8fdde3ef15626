import type { Seq, SeqRange } from '../../base/reading.ts'

/** Edges of which more than their readings is kept; those that come later are counted and not noted. */
export const EDGES_MAX = 10_000
/** Ranges that are asked for at once, over all edges; more are not noted. */
export const REQUESTS_MAX = 10_000
/** The pause before the same positions are asked for again: it doubles from the one to the other. */
export const REPEAT_MIN_MS = 60_000
export const REPEAT_MAX_MS = 6 * 3_600_000

export type EdgeState = 'online' | 'offline'

/** What an edge says of itself while it is online. Nobody vouches for it; what it does not say is undefined. */
export interface EdgeReport {
  readonly version: string | undefined
  /** UTC milliseconds by the edge's clock. */
  readonly at: number | undefined
  readonly upMs: number | undefined
  readonly healthy: boolean | undefined
  readonly problems: readonly string[]
  readonly epoch: string | undefined
  readonly lastSeq: Seq | undefined
  /** Readings that are not confirmed, and the arrival (UTC milliseconds, edge's clock) of the oldest. */
  readonly waiting: number | undefined
  readonly oldestAt: number | undefined
}

/** Notice of one edge. */
export interface EdgeNote {
  readonly edge: string
  readonly state: EdgeState
  /** Arrival at the receiver, UTC milliseconds; undefined: the broker had kept it, and nobody knows for how long. */
  readonly seenAt: number | undefined
  readonly report: EdgeReport | undefined
  /** How far the edge's clock is behind the receiver's; the delay of the network is part of it. Of a live report only. */
  readonly clockOffsetMs: number | undefined
}

/** All that is known of one edge. */
export interface EdgeView extends EdgeReport {
  readonly edge: string
  /** Undefined: it has sent readings, but nothing of itself. */
  readonly state: EdgeState | undefined
  /** Of its latest live message, readings included; UTC milliseconds by the receiver's clock. */
  readonly seenAt: number | undefined
  readonly clockOffsetMs: number | undefined
  /** Readings that were stored, and when the latest new one was. */
  readonly readings: number
  readonly storedAt: number | undefined
}

/** Positions that the sink does not have. */
export interface Gap extends SeqRange {
  readonly edge: string
  readonly epoch: string
  /**
   * UTC milliseconds by the receiver's clock: when the reading behind the gap was stored, or, where there is none, when
   * the edge last said that it has given these positions. Undefined: nobody knows.
   */
  readonly since: number | undefined
  /** When the edge was last asked for it; 0: that is noted and was not done yet; undefined: nobody wants it. */
  readonly askedAt: number | undefined
}

export interface GapQuestion {
  readonly edge?: string | undefined
  /** So many at most; there may be more then. */
  readonly limit: number
}

/** What an edge is to be asked for now. */
export interface DueRequest {
  readonly edge: string
  readonly epoch: string
  /** Ascending and disjoint, at most REQUEST_RANGES_MAX. */
  readonly ranges: readonly SeqRange[]
}

/**
 * What receivers know of their edges beside readings, kept in the sink: so a command can look at it, and several
 * receivers of one sink share it. Of two notes of one edge the one that is written last counts.
 */
export interface Fleet {
  /** Keeps what is new. @throws when it could not be kept; it may be tried again. */
  note(notes: readonly EdgeNote[]): Promise<void> | void
  /** Every edge that was ever heard of, by name. */
  edges(): Promise<readonly EdgeView[]> | readonly EdgeView[]
  /**
   * The positions of each (edge, epoch) that are not there, below the highest that is and below the last that the edge
   * says it has given, by edge, epoch and position. An edge's first epoch begins at 1, a later one where it was first seen.
   */
  gaps(question: GapQuestion): Promise<readonly Gap[]> | readonly Gap[]
  /**
   * Notes that the edges are to be asked for these positions. What was noted before stays as it is.
   * @param at UTC milliseconds
   * @returns how many are newly noted; fewer than given when REQUESTS_MAX are reached
   */
  request(gaps: readonly (SeqRange & { edge: string; epoch: string })[], at: number): Promise<number> | number
  /**
   * What is to be asked for now, one request for an edge, of edges that are online only; forgets what has come. What it
   * hands out it hands out again after a pause that doubles from REPEAT_MIN_MS to REPEAT_MAX_MS, also after a restart.
   * @param at UTC milliseconds
   */
  due(at: number): Promise<readonly DueRequest[]> | readonly DueRequest[]
}

/** The pause after the edge was asked so many times. */
export function repeatMs(times: number): number {
  return Math.min(REPEAT_MAX_MS, REPEAT_MIN_MS * 2 ** Math.min(times - 1, 30))
}

/** Two notes of one edge as one: the later one, and what only the earlier one says. */
export function mergeNotes(earlier: EdgeNote, later: EdgeNote): EdgeNote {
  return {
    ...later,
    seenAt: later.seenAt ?? earlier.seenAt,
    report: later.report ?? earlier.report,
    clockOffsetMs: later.clockOffsetMs ?? earlier.clockOffsetMs,
  }
}
