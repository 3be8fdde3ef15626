import type { Seq, SeqRange } from '../../base/reading.ts'

/** Edges in the fleet view; status messages of edges beyond it are counted and not stored. */
export const EDGES_MAX = 10_000
/** Ranges that are requested at once, over all edges; more are not stored. */
export const REQUESTS_MAX = 10_000
/**
 * The pause before the same positions are requested again: it doubles from the minimum to the maximum (milliseconds).
 */
export const REPEAT_MIN_MS = 60_000
export const REPEAT_MAX_MS = 6 * 3_600_000

export type FleetEdgeState = 'online' | 'offline'

/**
 * What an edge reports while it is online. The receiver does not verify it; fields that the edge leaves out are
 * undefined.
 */
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

/** One status message of an edge. */
export interface EdgeNote {
  readonly edge: string
  readonly state: FleetEdgeState
  /** Arrival at the receiver, UTC milliseconds; undefined: the broker had retained it, so its age is not known. */
  readonly seenAt: number | undefined
  readonly report: EdgeReport | undefined
  /**
   * Milliseconds by which the edge's clock is behind the receiver's, including network delay. Only for live reports.
   */
  readonly clockOffsetMs: number | undefined
}

/** Everything that is known of one edge. */
export interface EdgeView extends EdgeReport {
  readonly edge: string
  /** Undefined: it has sent readings, but no status. */
  readonly state: FleetEdgeState | undefined
  /** Arrival of its latest live message, including readings; UTC milliseconds by the receiver's clock. */
  readonly seenAt: number | undefined
  readonly clockOffsetMs: number | undefined
  /** Number of stored readings, and when the latest new one was stored (UTC milliseconds). */
  readonly readings: number
  readonly storedAt: number | undefined
}

/** Positions that the sink does not have. */
export interface Gap extends SeqRange {
  readonly edge: string
  readonly epoch: string
  /**
   * UTC milliseconds by the receiver's clock: when the reading after the gap was stored or, if there is none, when
   * the edge last reported that it has assigned these positions. Undefined: not known.
   */
  readonly since: number | undefined
  /**
   * When the edge was last asked to resend it; 0: the request is stored and not sent yet; undefined: there is no
   * request.
   */
  readonly askedAt: number | undefined
}

export interface GapQuestion {
  readonly edge?: string | undefined
  /** At most this many gaps are returned; there may be more. */
  readonly limit: number
}

/** Positions to request from an edge now. */
export interface DueRequest {
  readonly edge: string
  readonly epoch: string
  /** Ascending and disjoint, at most REQUEST_RANGES_MAX. */
  readonly ranges: readonly SeqRange[]
}

/**
 * What receivers know of their edges in addition to readings. It is kept in the sink, so commands can read it, and
 * the receivers of one sink share it. If there are several notes of one edge, the one that is written last counts.
 */
export interface Fleet {
  /** Stores new notes. @throws if they could not be stored; the call may be repeated */
  note(notes: readonly EdgeNote[]): Promise<void> | void
  /** Every edge that was ever seen, by name. */
  edges(): Promise<readonly EdgeView[]> | readonly EdgeView[]
  /**
   * The missing positions of each (edge, epoch): below the highest stored position and below the last position that
   * the edge reports to have assigned; sorted by edge, epoch and position. An edge's first epoch begins at 1, a later
   * one where it was first seen.
   */
  gaps(question: GapQuestion): Promise<readonly Gap[]> | readonly Gap[]
  /**
   * Stores requests to the edges to resend these positions. Requests that exist already stay unchanged.
   * @param at UTC milliseconds
   * @returns the number of new requests; fewer than given when REQUESTS_MAX is reached
   */
  request(gaps: readonly (SeqRange & { edge: string; epoch: string })[], at: number): Promise<number> | number
  /**
   * The requests to send now, one per edge, only for edges that are online; forgets positions that have arrived. A
   * returned request is returned again after a pause that doubles from REPEAT_MIN_MS to REPEAT_MAX_MS, also after a
   * restart.
   * @param at UTC milliseconds
   */
  due(at: number): Promise<readonly DueRequest[]> | readonly DueRequest[]
}

/** The pause after this many requests to the edge (milliseconds). */
export function repeatMs(times: number): number {
  return Math.min(REPEAT_MAX_MS, REPEAT_MIN_MS * 2 ** Math.min(times - 1, 30))
}

/** Two notes of one edge as one: the later one, completed with fields that only the earlier one has. */
export function mergeNotes(earlier: EdgeNote, later: EdgeNote): EdgeNote {
  return {
    ...later,
    seenAt: later.seenAt ?? earlier.seenAt,
    report: later.report ?? earlier.report,
    clockOffsetMs: later.clockOffsetMs ?? earlier.clockOffsetMs,
  }
}
