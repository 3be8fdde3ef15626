import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Spent } from './budget.ts'
import type { ConfigOutbox } from './config-publisher.ts'
import type { InFlightLane } from './in-flight.ts'
import type { Outbox } from './outbox.ts'

/** What the edge says of itself on its status topic. */
export type StatusReport = Record<string, unknown>

export interface UplinkStats {
  readonly name: string
  readonly connected: boolean
  readonly protocolVersion: 4 | 5 | undefined
  /** Messages on their way, and how many each lane may have. */
  readonly inFlight: number
  readonly window: Readonly<Record<InFlightLane, number>> | undefined
  /** Since the start: readings and bytes that left (repeats included), readings newly confirmed. */
  readonly sentReadings: number
  readonly sentBytes: number
  readonly confirmedReadings: number
  /** Monotonic age (ms) of the last answer of the far side; undefined before the first. */
  readonly lastConfirmedMs: number | undefined
  /** Connections that ended, or were not made, since the last answer. */
  readonly failures: number
  readonly lastFailure: string | undefined
  /** Since the start: messages that the broker or the receiver refused for good. */
  readonly refused: number
  /** Bytes on the wire, both ways, in the UTC day and month. */
  readonly spent: Spent
  /** Why the budget holds readings back; undefined: it does not. */
  readonly holds: string | undefined
  /** Why configs of devices do not come down; undefined: they do, or are not wanted here. */
  readonly configProblem: string | undefined
}

export interface UplinkDependencies {
  readonly edge: string
  readonly outbox: Outbox
  readonly log: Log
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  readonly report: () => Promise<StatusReport>
  /** Of the uplink that carries configs of devices. */
  readonly configs?: ConfigOutbox
}
