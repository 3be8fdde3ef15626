import type { Socket } from 'node:net'
import type { Aedes, Client, ConnectPacket } from 'aedes'
import type { BrokerSettings } from '../settings/edge.ts'
import { type Packet, shapeClient, shapeDelivery, type Wanted } from './delivery.ts'
import type { Guard } from './guards/guard.ts'
import type { FateOf, Unrouted } from './guards/unrouted.ts'
import { IncomingIds } from './incoming-ids.ts'
import type { IncomingId, Intake } from './intake.ts'
import type { OwnMessagesDependencies } from './own-messages.ts'
import { BrokerPersistence } from './persistence.ts'
import { FilterLimits } from './sessions/filter-limits.ts'
import { LocalSubscribers } from './sessions/local-subscribers.ts'
import type { OccasionStats } from './sessions/occasions.ts'
import { RetainedMessages, type RetainedStats } from './sessions/retained-messages.ts'
import type { SessionStats } from './sessions/session.ts'
import { Sessions } from './sessions/sessions.ts'
import { Slices } from './sessions/slices.ts'
import { Subscribing } from './sessions/subscribing.ts'
import { Wills } from './sessions/wills.ts'

export interface ClientStateStats {
  readonly sessions: SessionStats
  readonly retained: RetainedStats
  readonly wills: { readonly bytes: number; readonly refused: OccasionStats }
}

export interface ClientStateDependencies {
  readonly intake: Intake
  readonly guard: Guard
  readonly fateOf: FateOf
  /** QoS 2 packet identifiers that are stored on disk. */
  readonly known: readonly IncomingId[]
  /** Called for each QoS 2 publish that is settled: reading from held sockets may continue. */
  onSettled(): void
}

/** What the broker remembers of clients, each part with a bound: sessions, subscriptions, retained messages, wills, ids. */
export class ClientState {
  readonly persistence: BrokerPersistence
  readonly subscribers = new LocalSubscribers<Packet>()
  readonly incoming: IncomingIds
  readonly sessions: Sessions
  readonly subscribing: Subscribing
  readonly #retained: RetainedMessages
  readonly #wills = new Wills()
  readonly #intake: Intake
  readonly #guard: Guard

  constructor(settings: BrokerSettings, { intake, guard, fateOf, known, onSettled }: ClientStateDependencies) {
    const slices = new Slices()
    const limits = new FilterLimits(settings)
    this.#intake = intake
    this.#guard = guard
    this.incoming = new IncomingIds(intake, known)
    this.sessions = new Sessions(settings, limits, (id) => {
      guard.run('session', { cause: undefined, otherwise: undefined }, () => this.incoming.forget(id))
    })
    for (const { client } of known) this.sessions.of(client)
    this.#retained = new RetainedMessages(settings, slices)
    const { incoming, sessions, subscribers } = this
    this.persistence = new BrokerPersistence({
      intake,
      fateOf,
      incoming,
      sessions,
      retained: this.#retained,
      slices,
      onSettled,
    })
    const onStored = (subscriptions: object): void => this.persistence.noteStored(subscriptions)
    this.subscribing = new Subscribing({ sessions, limits, slices, subscribers, guard, onStored })
  }

  /** What messages of Tidegate itself need. */
  get local(): Pick<OwnMessagesDependencies, 'persistence' | 'sessions' | 'hasSubscriber'> {
    const { persistence, sessions } = this
    return { persistence, sessions, hasSubscriber: (topic) => this.subscribers.has(topic) }
  }

  stats(): ClientStateStats {
    const { bytes, refused } = this.#wills
    return { sessions: this.sessions.stats(), retained: this.#retained.stats(), wills: { bytes, refused } }
  }

  stop(): void {
    this.sessions.stop()
  }

  /** Begins to listen to Aedes. */
  follow(aedes: Aedes, unrouted: Unrouted): Wanted {
    aedes.on('subscribe', (subscriptions, client) => {
      this.subscribing.subscribed(client, subscriptions, this.persistence.granted(subscriptions))
    })
    aedes.on('unsubscribe', (filters, client) => this.subscribing.unsubscribed(client, filters))
    const { persistence, subscribers, sessions } = this
    return shapeDelivery(aedes, {
      persistence,
      subscribers,
      sessions,
      intake: this.#intake,
      guard: this.#guard,
      unrouted,
    })
  }

  /** @returns `isBusy`: packets of this client wait for an earlier one; `onFree` is called when they no longer do */
  attach(client: Client, socket: Socket, onFree: () => void): { readonly isBusy: boolean } {
    shapeClient(client, this.sessions)
    socket.once('close', () => {
      this.#guard.run('left', { cause: undefined, otherwise: undefined }, () => this.#left(client))
    })
    return this.subscribing.attach(client, onFree)
  }

  /** A client is accepted. @returns false: there is no room for its will */
  enter(client: Client, will: ConnectPacket['will']): boolean {
    if (!this.#wills.take(client, client.id, will)) return false
    if (!client.clean) this.sessions.enter(client.id, client)
    return true
  }

  #left(client: Client): void {
    this.#wills.left(client)
    this.subscribing.left(client)
    if (client.id !== null) this.sessions.leave(client.id, client, this.incoming.count(client.id) > 0)
  }
}
