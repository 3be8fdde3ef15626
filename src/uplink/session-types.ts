import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import type { ReceiverRecord } from './answers/receiver-record.ts'
import type { BatchPublisher } from './batch-publisher.ts'
import type { Budget } from './budget.ts'
import type { Outbox } from './outbox.ts'

/** What a session needs, and the callbacks it calls. */
export interface SessionDependencies {
  readonly settings: UplinkSettings
  readonly outbox: Outbox
  readonly batchPublisher: BatchPublisher
  readonly budget: Budget
  readonly clock: Clock
  readonly steadyClock: Clock
  readonly log: Log
  /** Over all connections of the uplink. */
  readonly record: ReceiverRecord
  /** Messages of the broker's Receive Maximum that are not for readings. */
  readonly reserved: number
  /** Send one message at a time: something was refused, and the receiver did not say what. */
  readonly cautious: boolean
  /** Called for every confirmed message, with the number of readings that were not confirmed before. */
  onConfirmed(readings: number): void
  /** Called for every message that is sent, with its readings and bytes. */
  onSent(readings: number, bytes: number): void
  onRefused(reason: string): void
  /** No receiver answers; called for every message that got no answer. */
  onSilence(): void
  /** The receiver answers for the first time over this connection, or again. */
  onHeard(): void
}

/** Why a session ended. */
export interface SessionEnd {
  readonly reason: string
  /** The link itself was fine: connect again without a pause. */
  readonly atOnce: boolean
  /** Something unknown was refused: the next session must find out what. */
  readonly cautious: boolean
  /** The error behind it, if there is one. */
  readonly cause: unknown
}
