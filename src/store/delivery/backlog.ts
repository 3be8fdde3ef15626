import type { Seq } from '../../base/reading.ts'
import type { Arrivals } from '../arrivals.ts'
import type { Positions } from '../positions.ts'
import type { Outbox } from './outbox.ts'

/** The backlog of an uplink. */
export interface Backlog {
  readonly uplink: string
  /** Number of readings that wait for delivery. */
  readonly waiting: number
  /** Arrival (UTC ms) of the oldest of them. */
  readonly oldestAt: number | undefined
  readonly confirmed: number
  /** Number of readings that the receiver refuses permanently: `tidegate rejects list`. */
  readonly parked: number
  /** Number of them that are held back, because the receiver refuses them and they cannot be parked (yet). Undefined: none. */
  readonly held?: number | undefined
}

/** Computes the backlog of an uplink: the number of readings that wait, and the arrival of the oldest. */
export function backlogOf(
  outbox: Outbox,
  { positions, arrivals, lastSeq }: { positions: Positions; arrivals: Arrivals; lastSeq: Seq },
): Backlog {
  const waiting = outbox.settled.missing({ first: 1, last: lastSeq })
  return {
    uplink: outbox.name,
    waiting: waiting.reduce((sum, range) => sum + positions.count(range, lastSeq), 0),
    oldestAt: waiting[0] === undefined ? undefined : arrivals.of(waiting[0].first),
    confirmed: outbox.confirmedCount,
    parked: outbox.parked.count,
    held: outbox.heldCount || undefined,
  }
}
