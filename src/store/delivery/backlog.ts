import type { Seq } from '../../base/reading.ts'
import type { Arrivals } from '../arrivals.ts'
import type { Positions } from '../positions.ts'
import type { Outbox } from './outbox.ts'

/** What an uplink has still to deliver. */
export interface Backlog {
  readonly uplink: string
  /** Readings not confirmed. */
  readonly waiting: number
  /** Arrival (UTC ms) of the oldest of them. */
  readonly oldestAt: number | undefined
  readonly confirmed: number
  /** Readings that the far side refuses for good: `tidegate rejects list`. */
  readonly parked: number
}

/** How many readings an uplink has not confirmed yet, and since when. */
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
  }
}
