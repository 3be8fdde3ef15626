import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import type { BatchPublisher } from './batch-publisher.ts'
import type { Budget } from './budget.ts'
import type { Outbox } from './outbox.ts'

/** What a session is begun with, and whom it tells. */
export interface SessionDependencies {
  readonly settings: UplinkSettings
  readonly outbox: Outbox
  readonly batchPublisher: BatchPublisher
  readonly budget: Budget
  readonly clock: Clock
  readonly log: Log
  /** Messages of the broker's Receive Maximum that are not for readings. */
  readonly reserved: number
  /** One message at a time: something is refused, and nobody says what. */
  readonly cautious: boolean
  /** Told of every confirmed message and how many readings it was news for. */
  onConfirmed(readings: number): void
  /** Told of every message that left, and its bytes. */
  onSent(readings: number, bytes: number): void
  onRefused(reason: string): void
}

/** Why a session ended. */
export interface SessionEnd {
  readonly reason: string
  /** The link itself was fine: the next one need not wait. */
  readonly atOnce: boolean
  /** Something was refused, and it is not known what: the next session must find out. */
  readonly cautious: boolean
  /** The error behind it, where there is one. */
  readonly cause: unknown
}
