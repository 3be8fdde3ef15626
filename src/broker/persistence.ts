import { Readable } from 'node:stream'
import type { Client } from 'aedes'
import type { FateOf } from './guards/unrouted.ts'
import type { IncomingIds } from './incoming-ids.ts'
import { type Intake, type Settle, settleLater, unroutedRefused } from './intake.ts'
import type { RetainedMessages } from './sessions/retained-messages.ts'
import { QueuedMessage, type QueuedPacket } from './sessions/session-queue.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { Slices } from './sessions/slices.ts'

/** QoS 2 publishes of all clients that may wait for their PUBREL. */
const INCOMING_MAX = 100_000
/** Sessions that get a message together with other messages in one turn of the event loop. */
const RECIPIENTS_PER_SLICE = 50

interface Packet extends QueuedPacket {
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
}

interface Subscription {
  topic: string
  qos: number
}

interface Will {
  topic: string
  payload: Buffer
  brokerId?: string
  clientId?: string
}

/** A session that gets a message. */
interface Recipient {
  readonly clientId: string
  readonly topic: string
  readonly qos: number
}

export interface PersistenceDependencies {
  readonly intake: Intake
  readonly fateOf: FateOf
  readonly incoming: IncomingIds
  readonly sessions: Sessions
  readonly retained: RetainedMessages
  readonly slices: Slices
  /** Called for each QoS 2 publish that is settled: reading from held sockets may continue. */
  onSettled(): void
}

/**
 * What Aedes keeps between packets, in memory: persistent sessions and retained messages (sessions/), wills. QoS 2
 * identifiers are committed with their readings.
 */
export class BrokerPersistence {
  readonly #deps: PersistenceDependencies
  readonly #wills = new Map<string, Will>()
  readonly #stored = new WeakSet<object>()
  /** Of the last message that waits for its turn. */
  #turn: Promise<void> | undefined
  #granted: { readonly subscriptions: readonly Subscription[]; readonly done: () => void } | undefined
  #broker: { readonly id: string } | undefined

  constructor(dependencies: PersistenceDependencies) {
    this.#deps = dependencies
  }

  get broker(): object | undefined {
    return this.#broker
  }

  /** Aedes requires an async function. */
  async setup(broker: { readonly id: string }): Promise<void> {
    this.#broker = broker
  }

  async destroy(): Promise<void> {
    this.#deps.sessions.stop()
  }

  async storeRetained(packet: Packet & { clientId?: string }): Promise<void> {
    this.storeRetainedOf(packet, packet.clientId)
  }

  /** @param client undefined: the edge itself */
  storeRetainedOf(packet: Pick<Packet, 'topic' | 'payload' | 'qos'>, client: string | undefined): void {
    this.#deps.retained.store(packet, client)
  }

  /**
   * The filters of the SUBSCRIBE for which Aedes asks for the retained messages next, in the same tick.
   * @returns a promise that resolves when it has got them, or did not ask
   */
  granted(subscriptions: readonly Subscription[]): Promise<void> {
    return new Promise((resolve) => {
      const granted = { subscriptions: subscriptions.filter(({ qos }) => qos <= 2), done: resolve }
      this.#granted = granted
      queueMicrotask(() => {
        if (this.#granted !== granted) return
        this.#granted = undefined
        resolve()
      })
    })
  }

  createRetainedStreamCombi(topics: readonly string[]): Readable {
    const granted = this.#granted
    this.#granted = undefined
    const filters = granted?.subscriptions ?? topics.map((topic) => ({ topic, qos: 2 }))
    const stream = Readable.from(this.#deps.retained.matching(filters))
    if (granted !== undefined) stream.once('close', granted.done)
    return stream
  }

  createRetainedStream(topic: string): Readable {
    return this.createRetainedStreamCombi([topic])
  }

  /** The subscriptions of this list are in the session: Aedes passes the list once for each of them. */
  noteStored(subscriptions: object): void {
    this.#stored.add(subscriptions)
  }

  async addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void> {
    if (this.#stored.has(subscriptions)) return
    for (const subscription of subscriptions) this.#deps.sessions.subscribe(client.id, subscription)
  }

  async removeSubscriptions(client: Client, topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#deps.sessions.unsubscribe(client.id, topic)
  }

  async subscriptionsByClient(client: Client): Promise<Subscription[]> {
    return [...(this.#deps.sessions.find(client.id)?.own.byFilter.values() ?? [])].map((one) => ({ ...one }))
  }

  /**
   * A message for many sessions takes a turn of the event loop of its own. Messages behind it wait, since Aedes needs
   * them in order.
   */
  async subscriptionsByTopic(topic: string): Promise<Recipient[]> {
    const { sessions, slices } = this.#deps
    const isLong = sessions.openCount(topic) > RECIPIENTS_PER_SLICE
    if (isLong || this.#turn !== undefined) {
      const turn = (this.#turn ?? Promise.resolve()).then(() => (isLong ? slices.turn() : undefined))
      this.#turn = turn
      await turn
      if (this.#turn === turn) this.#turn = undefined
    }
    return sessions.match(topic)
  }

  /** A clean session begins: the previous session and its queue are removed. */
  async cleanSubscriptions(client: Client): Promise<void> {
    this.#deps.sessions.end(client.id)
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    const sessions = [...this.#deps.sessions.all()].filter(({ own }) => own.size > 0)
    const lasting = sessions.flatMap(({ own }) => [...own.byFilter.values()].filter(({ qos }) => qos > 0))
    return { subsCount: lasting.length, clientsCount: sessions.length }
  }

  getClientList(topic: string): Readable {
    const having = [...this.#deps.sessions.all()].filter(({ own }) => own.byFilter.has(topic))
    return Readable.from(having.map(({ id }) => id))
  }

  async outgoingEnqueue(recipient: Recipient, packet: Packet): Promise<void> {
    this.#enqueue([recipient], packet)
  }

  async outgoingEnqueueCombi(recipients: readonly Recipient[], packet: Packet): Promise<void> {
    this.#enqueue(recipients, packet)
  }

  /** Queues the message for each recipient with the lower of its QoS and that of the subscription. */
  #enqueue(recipients: readonly Recipient[], packet: Packet): void {
    const { sessions } = this.#deps
    const byQos: (QueuedMessage | undefined)[] = []
    for (const { clientId, qos = packet.qos } of recipients) {
      const lower = Math.min(qos, packet.qos)
      byQos[lower] ??= new QueuedMessage(packet, lower)
      sessions.enqueue(sessions.of(clientId), byQos[lower])
    }
  }

  async outgoingUpdate(client: Client, packet: Packet): Promise<void> {
    if (this.#deps.sessions.find(client.id)?.queue.update(packet) !== true) throw new Error('no such packet')
  }

  async outgoingClearMessageId(client: Client, packet: Packet): Promise<QueuedPacket | undefined> {
    return this.#deps.sessions.find(client.id)?.queue.clear(packet.messageId)
  }

  outgoingStream(client: Client): Readable {
    return Readable.from(this.#deps.sessions.find(client.id)?.queue.read() ?? [])
  }

  /** Rejects when the identifier is new: Aedes accepts the packet then. */
  async incomingGetPacket(client: Client, packet: Packet): Promise<Packet> {
    const known = this.#deps.incoming.meet(client.id, packet.messageId!)
    if (known === undefined) {
      if (packet.cmd === 'publish' && this.#hasRoom()) void this.#keep(client, packet)
      throw new Error('no such packet')
    }
    await known
    return packet
  }

  /** Aedes has found the packet to be new. Resolves when it is on disk; PUBREC is sent after that. */
  async incomingStorePacket(client: Client, packet: Packet): Promise<void> {
    const kept = this.#deps.incoming.meet(client.id, packet.messageId!)
    if (kept === undefined) throw new Error('not stored')
    await kept
  }

  /** At the bound, sessions of absent clients end. Without one, the publish is not stored, which closes the connection. */
  #hasRoom(): boolean {
    const { incoming, sessions } = this.#deps
    while (incoming.total >= INCOMING_MAX) {
      if (!sessions.evict(({ id }) => incoming.count(id) > 0)) return false
    }
    return true
  }

  #keep(client: Client, packet: Packet): Promise<void> {
    const { topic, payload, retain, dup, messageId } = packet
    const { intake, fateOf, incoming, onSettled } = this.#deps
    const id = { client: client.id, messageId: messageId! }
    const lasting = !client.clean
    return incoming.keep(client.id, messageId!, (settle) => {
      const fate = fateOf(packet)
      if (fate === 'pass') return settle(undefined)
      const settled: Settle = (failure) =>
        settleLater(failure, (why) => {
          settle(why)
          onSettled()
        })
      if (fate === 'refuse') return settled(unroutedRefused())
      const publish = { topic, payload, client: client.id, dup: dup === true, qos: 2, retain } as const
      intake.offer(publish, settled, lasting ? id : undefined)
    })
  }

  async incomingDelPacket(client: Client, packet: Packet): Promise<void> {
    await this.#deps.incoming.release(client.id, packet.messageId!, !client.clean)
  }

  async cleanIncoming(client: Client): Promise<void> {
    this.#deps.incoming.forget(client.id)
  }

  async putWill(client: Client, packet: Will): Promise<void> {
    packet.brokerId = this.#broker!.id
    packet.clientId = client.id
    this.#wills.set(client.id, packet)
  }

  async getWill(client: Client): Promise<Will | undefined> {
    return this.#wills.get(client.id)
  }

  async delWill(client: Client): Promise<Will | undefined> {
    const will = this.#wills.get(client.id)
    this.#wills.delete(client.id)
    return will
  }

  streamWill(brokers: Readonly<Record<string, unknown>> = {}): Readable {
    return Readable.from([...this.#wills.values()].filter(({ brokerId }) => brokers[brokerId!] === undefined))
  }
}
