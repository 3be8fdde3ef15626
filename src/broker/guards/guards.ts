import type { Log } from '../../base/log.ts'
import type { BrokerSettings } from '../../settings/edge.ts'
import { Connections } from './connections.ts'
import { Guard } from './guard.ts'
import { IncompletePackets } from './incomplete-packets.ts'
import { type RefusalCounts, Refusals } from './refusals.ts'
import { type TakeoverStats, Takeovers } from './takeovers.ts'
import { Unrouted, type UnroutedStats } from './unrouted.ts'

export interface GuardStats {
  readonly connections: number
  /** Connections refused because `broker.connectionsMax` were open, or too many from one address. */
  readonly refused: number
  /** Connections closed because of a string that is not well-formed UTF-8 or contains U+0000. */
  readonly illFormed: number
  /** Refused packets and connections, by reason. */
  readonly refusals: RefusalCounts
  /** Bytes of incomplete packets of all connections. */
  readonly incompleteBytes: number
  readonly takeovers: TakeoverStats
  readonly unrouted: UnroutedStats
  /** Exceptions in the broker's own code, each of which disconnected a client; the last one. */
  readonly failures: { readonly count: number; readonly place: string | undefined; readonly agoMs: number | undefined }
}

/** What keeps one client from hurting others: bounds, and counters of what was refused. */
export class Guards {
  readonly guard: Guard
  readonly refusals: Refusals
  readonly connections: Connections
  readonly incomplete: IncompletePackets
  readonly takeovers: Takeovers
  readonly unrouted: Unrouted

  constructor(settings: BrokerSettings, log: Log) {
    this.guard = new Guard(log)
    this.refusals = new Refusals(log)
    this.connections = new Connections(settings)
    this.incomplete = new IncompletePackets(settings.pendingBytesMax)
    this.takeovers = new Takeovers(log)
    this.unrouted = new Unrouted(settings.unrouted, log)
  }

  get stats(): GuardStats {
    const { guard, refusals, connections, incomplete, takeovers, unrouted } = this
    const { failures: count, lastPlace: place, lastAt } = guard
    return {
      connections: connections.size,
      refused: refusals.total('connections') + refusals.total('connectionsPerAddress'),
      illFormed: refusals.total('illFormedText'),
      refusals: refusals.counts,
      incompleteBytes: incomplete.bytes,
      takeovers: takeovers.stats,
      unrouted: unrouted.stats,
      failures: { count, place, agoMs: count === 0 ? undefined : performance.now() - lastAt },
    }
  }
}
