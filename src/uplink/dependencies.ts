import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Spent } from './budget.ts'
import type { ConfigOutbox } from './config-publisher.ts'
import type { InFlightLane } from './in-flight.ts'
import type { Outbox } from './outbox.ts'

/** The report that the edge publishes on its status topic. */
export type StatusReport = Record<string, unknown>

export interface UplinkStats {
  readonly name: string
  readonly connected: boolean
  readonly protocolVersion: 4 | 5 | undefined
  /** Messages in flight, and how many each lane may have. */
  readonly inFlight: number
  readonly window: Readonly<Record<InFlightLane, number>> | undefined
  /** Since the start: readings and bytes sent (including repeats), and readings newly confirmed. */
  readonly sentReadings: number
  readonly sentBytes: number
  readonly confirmedReadings: number
  /** Milliseconds since the last answer (monotonic); undefined before the first answer. */
  readonly lastConfirmedMs: number | undefined
  /** Connections that ended or could not be made since the last answer. */
  readonly failures: number
  readonly lastFailure: string | undefined
  /** Why no receiver answers, with what to check; undefined: it answers, or there is no connection. */
  readonly silence?: string | undefined
  /** Milliseconds since the first message without an answer was sent; undefined: none waits for an answer. */
  readonly silentMs?: number | undefined
  /** Why the status of the edge does not arrive; undefined: it does, as far as is known. */
  readonly statusProblem?: string | undefined
  /** Whether another client uses the same client id at the broker, such as a copy of this edge; undefined: not known. */
  readonly sameId: 'uses' | 'seems to use' | undefined
  /** The name that another edge uses as well: the uplink is paused since then (UTC ms). Undefined: it is not paused. */
  readonly paused?: { readonly edge: string; readonly at: number } | undefined
  /** Since the start: messages that the broker or the receiver refused for good. */
  readonly refused: number
  /** Since the start: readings that the receiver confirmed although they were not sent. */
  readonly unsent?: number
  /** Since the start: readings that were confirmed in too many separate parts; they are sent again. */
  readonly unmarked?: number
  /** Since the start: answers of the receiver that could not be decoded. */
  readonly undecodable?: number
  /** What the receiver does that it should not do, as text. */
  readonly oddities?: readonly string[]
  /** Bytes on the wire, both directions, in the current UTC day and month. */
  readonly spent: Spent
  /** Why the budget holds readings back; undefined: it does not. */
  readonly holds: string | undefined
  /** Why device configs are not synced from the cloud; undefined: they are, or this uplink does not carry them. */
  readonly configProblem: string | undefined
}

export interface UplinkDependencies {
  readonly edge: string
  readonly outbox: Outbox
  readonly log: Log
  readonly clock: Clock
  /** A clock that does not jump, by which budgets count days and months. */
  readonly steadyClock: Clock
  /** The receiver has sent its time, UTC ms. */
  readonly onTime: (at: number) => void
  /** A random number x, 0 ≤ x < 1. */
  readonly random: () => number
  readonly report: () => Promise<StatusReport>
  /** Present on the uplink that carries device configs. */
  readonly configs?: ConfigOutbox
}
