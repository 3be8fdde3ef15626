import type { OccasionStats } from './occasions.ts'
import type { OwnFilters } from './own-filters.ts'
import type { SessionQueue } from './session-queue.ts'

export interface SessionSettings {
  readonly sessionsMax: number
  readonly sessionExpiryS: number
  readonly sessionQueueMax: number
  readonly sessionQueueBytesMax: number
}

export interface SessionStats {
  /** Persistent sessions, and how many of them have no connected client. */
  readonly count: number
  readonly absent: number
  readonly filters: number
  readonly filtersRefused: OccasionStats
  readonly queued: number
  readonly queuedBytes: number
  /** Messages that were dropped because the client, although connected, did not acknowledge earlier ones. */
  readonly slow: OccasionStats
  /** Sessions whose queue was emptied because all queues together were too large. */
  readonly givenUp: OccasionStats
  /** Sessions that ended because there were too many. */
  readonly evicted: OccasionStats
  readonly expired: number
}

export interface Session {
  readonly id: string
  readonly own: OwnFilters
  readonly queue: SessionQueue
  /** The connection of its client; undefined: it is absent. */
  connection: object | undefined
  /** The client has come back at least once. */
  resumed: boolean
  absentAt: number
  /** Absent, and gets no more messages until its client is back. */
  isFull: boolean
}
