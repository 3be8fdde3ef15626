import type { AuthorizeSubscribeHandler, Client } from 'aedes'
import { filterProblem } from '../../base/topics.ts'
import type { Packet as Message } from '../delivery.ts'
import type { Guard } from '../guards/guard.ts'
import { PacketRefused } from '../guards/refusals.ts'
import { judgeFilter } from '../rules.ts'
import type { FilterLimits } from './filter-limits.ts'
import type { LocalSubscribers } from './local-subscribers.ts'
import { OwnFilters, type Subscription } from './own-filters.ts'
import type { Sessions } from './sessions.ts'
import type { Slices } from './slices.ts'

type Callback = Parameters<AuthorizeSubscribeHandler>[2]
type Filter = Parameters<AuthorizeSubscribeHandler>[1]
/** How a subscription of a connected client gets its messages. */
type Live = Parameters<LocalSubscribers<Message>['on']>[1]

interface Packet {
  readonly cmd: string
  readonly subscriptions?: readonly Subscription[]
  readonly unsubscriptions?: readonly string[]
}

/** Private members of an Aedes client; private-members.ts checks them at start. */
interface InnerClient {
  readonly closed: boolean
  readonly connecting: boolean
  readonly connackSent: boolean
  readonly subscriptions: Record<string, { readonly func: Live; qos: number } | undefined>
  readonly _parser: {
    listeners(event: 'packet'): ((this: unknown, packet: Packet) => void)[]
    removeAllListeners(event: 'packet'): unknown
    on(event: 'packet', listener: (packet: Packet) => void): unknown
  }
  once(event: 'connected', listener: () => void): unknown
}

class State {
  /** Gives a packet to Aedes. */
  readonly pass: (packet: Packet) => void
  /** Reading from the socket may continue. */
  readonly onFree: () => void
  /** A SUBSCRIBE or UNSUBSCRIBE is not done. */
  isWorking = false
  /** Filters that Aedes has asked about and that were not answered. */
  asked: { readonly filter: Filter; readonly callback: Callback }[] = []
  /** Of a client with a clean session. Those of the others belong to the session. */
  readonly own = new OwnFilters()

  /** Packets that Aedes got in this turn of the event loop. */
  passed = 0
  /** Packets that wait for an earlier one, or for the next turn. */
  #held: Packet[] = []
  #next = 0

  constructor(pass: (packet: Packet) => void, onFree: () => void) {
    this.pass = pass
    this.onFree = onFree
  }

  get isBusy(): boolean {
    return this.isWorking || this.#held.length > 0
  }

  get mayPass(): boolean {
    return !this.isWorking && this.passed < PACKETS_PER_TURN
  }

  hold(packet: Packet): void {
    this.#held.push(packet)
  }

  next(): Packet | undefined {
    const packet = this.#held[this.#next++]
    if (this.#next >= this.#held.length) this.clear()
    return packet
  }

  clear(): void {
    this.#held = []
    this.#next = 0
  }
}

/** Filters that are handled in one slice: below a millisecond. */
const FILTERS_PER_SLICE = 100
/** Packets of one client that Aedes handles in one turn of the event loop: a few milliseconds. */
const PACKETS_PER_TURN = 100

export interface SubscribingDependencies {
  readonly sessions: Sessions
  readonly limits: FilterLimits
  readonly slices: Slices
  readonly guard: Guard
  readonly subscribers: { removeListener(filter: string, notify: Live): unknown }
  /** Subscriptions of this list are stored in the session already. */
  onStored(subscriptions: object): void
}

/**
 * Gives the packets of clients to Aedes: at most a hundred of one client in one turn of the event loop.
 *
 * All filters of a SUBSCRIBE are judged before any of them takes effect: one that is malformed closes the connection, and
 * nothing is stored. A long list is handled in slices, between which the broker serves other clients. Until the packet is
 * done, retained messages included, later packets of its client wait, so that they keep their order and a client has one
 * such piece of work at a time.
 */
export class Subscribing {
  readonly #deps: SubscribingDependencies
  readonly #states = new WeakMap<Client, State>()

  constructor(dependencies: SubscribingDependencies) {
    this.#deps = dependencies
  }

  /**
   * Begins with the packets of a client. `isBusy`: packets of this client wait for the end of an earlier one.
   * @param onFree called when reading from the client's socket may continue
   */
  attach(client: Client, onFree: () => void): { readonly isBusy: boolean } {
    const inner = client as unknown as InnerClient
    const [enqueue] = inner._parser.listeners('packet')
    const pass = (packet: Packet): void => enqueue!.call(inner._parser, packet)
    const state = new State(pass, onFree)
    this.#states.set(client, state)
    inner._parser.removeAllListeners('packet')
    inner._parser.on('packet', (packet) => {
      const isEarly = isConnecting(inner) && packet.cmd !== 'connect'
      if (state.isBusy || isEarly || !state.mayPass) state.hold(packet)
      else this.#pass(client, state, packet)
    })
    inner.once('connected', () => this.#continue(client, state))
    return state
  }

  /** Aedes asks about each filter of a packet, or of a session that is restored. */
  readonly authorize: AuthorizeSubscribeHandler = (client, filter, callback) => {
    const state = this.#states.get(client)!
    state.asked.push({ filter, callback })
    if (!state.isWorking && state.asked.length === 1)
      queueMicrotask(() => this.#work(client, this.#restore(client, state)))
  }

  /** A client unsubscribed. */
  unsubscribed(client: Client, filters: readonly string[]): void {
    const state = this.#states.get(client)
    if (state === undefined || !client.clean) return
    for (const filter of filters) this.#deps.limits.remove(state.own, filter)
  }

  /** Aedes has granted the filters of a packet. @param retained resolves when their retained messages were found */
  subscribed(client: Client, subscriptions: readonly Subscription[], retained: Promise<void>): void {
    const state = this.#states.get(client)
    if (state === undefined) return
    for (const { topic } of subscriptions) keepQos(client, topic)
    void retained.then(() =>
      setImmediate(() => {
        state.isWorking = false
        this.#continue(client, state)
      }),
    )
  }

  /** The connection is closed. */
  left(client: Client): void {
    const state = this.#states.get(client)
    if (state === undefined) return
    this.#deps.limits.removeAll(state.own)
    state.clear()
    state.asked = []
  }

  #pass(client: Client, state: State, packet: Packet): void {
    if (++state.passed === 1) {
      setImmediate(() => {
        state.passed = 0
        if (state.isBusy) this.#continue(client, state)
      })
    }
    const { cmd, unsubscriptions } = packet
    if (unsubscriptions !== undefined && unsubscriptions.length > FILTERS_PER_SLICE) {
      state.isWorking = true
      this.#work(client, this.#remove(client, state, packet))
    } else if (cmd === 'subscribe' && !client.closed) {
      state.isWorking = true
      state.pass(packet)
      this.#work(client, this.#grant(client, state, packet))
    } else state.pass(packet)
  }

  /** An exception ends the connection of this client only. */
  #work(client: Client, work: Promise<void>): void {
    work.catch((failure) => this.#deps.guard.note('subscribing', failure, client))
  }

  #continue(client: Client, state: State): void {
    this.#deps.guard.run('subscribing', { cause: client, otherwise: undefined }, () => this.#passHeld(client, state))
  }

  #passHeld(client: Client, state: State): void {
    while (state.mayPass && !client.closed && !isConnecting(client as unknown as InnerClient)) {
      const packet = state.next()
      if (packet === undefined) return state.onFree()
      this.#pass(client, state, packet)
    }
  }

  async #grant(client: Client, state: State, { subscriptions }: Packet): Promise<void> {
    const asked = state.asked.splice(0)
    const verdicts: ('granted' | 'refused')[] = []
    for (const { filter, callback } of asked) {
      if ((verdicts.length + 1) % FILTERS_PER_SLICE === 0) await this.#deps.slices.turn()
      const verdict = judgeFilter(client, filter)
      if (typeof verdict === 'object') return callback(new PacketRefused('filter', verdict.problem))
      verdicts.push(verdict)
    }
    // Aedes asks the persistence to store the whole list once for each of its filters.
    if (subscriptions !== undefined) this.#deps.onStored(subscriptions)
    for (const [i, { filter, callback }] of asked.entries()) {
      if ((i + 1) % FILTERS_PER_SLICE === 0) await this.#deps.slices.turn()
      if (client.closed) return
      const isGranted = verdicts[i] === 'granted' && this.#add(client, state, filter)
      callback(null, isGranted ? filter : null)
    }
  }

  /** Ends subscriptions in slices before Aedes, which would end all at once, answers the packet. */
  async #remove(client: Client, state: State, packet: Packet): Promise<void> {
    const { slices, sessions, subscribers } = this.#deps
    const { subscriptions } = client as unknown as InnerClient
    const filters = packet.unsubscriptions!
    const isLegal = filters.every((filter) => filterProblem(filter) === undefined)
    for (const [i, filter] of (isLegal ? filters : []).entries()) {
      if ((i + 1) % FILTERS_PER_SLICE === 0) await slices.turn()
      if (client.closed) return
      const live = subscriptions[filter]
      if (live !== undefined) subscribers.removeListener(filter, live.func)
      delete subscriptions[filter]
      if (!client.clean) sessions.unsubscribe(client.id, filter)
    }
    state.pass(packet)
    state.isWorking = false
    this.#continue(client, state)
  }

  /** A session is never refused because of a filter: one that is not granted any more is skipped. */
  async #restore(client: Client, state: State): Promise<void> {
    for (const [i, { filter, callback }] of state.asked.splice(0).entries()) {
      if ((i + 1) % FILTERS_PER_SLICE === 0) await this.#deps.slices.turn()
      if (client.closed) return
      callback(null, judgeFilter(client, filter) === 'granted' ? filter : null)
      keepQos(client, filter.topic)
    }
  }

  #add(client: Client, { own }: State, { topic, qos }: Filter): boolean {
    const { sessions, limits } = this.#deps
    return client.clean ? limits.add(client.id, own, { topic, qos }) : sessions.subscribe(client.id, { topic, qos })
  }
}

/** Packets before CONNACK wait here: Aedes would handle all of them at once then. */
function isConnecting({ connecting, connackSent }: InnerClient): boolean {
  return connecting && !connackSent
}

/**
 * Aedes lowers the QoS of a message to that of the filter that equals its topic, even if another filter that matches has a
 * higher one. In a session the message has the right QoS already.
 */
function keepQos(client: Client, filter: string): void {
  const live = client.clean ? undefined : (client as unknown as InnerClient).subscriptions[filter]
  if (live !== undefined) live.qos = 2
}
