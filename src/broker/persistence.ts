import { Readable } from 'node:stream'
import type { Client } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import { filterMatches } from '../base/topics.ts'
import type { IncomingIds } from './incoming-ids.ts'
import { type Intake, type Settle, settleLater } from './intake.ts'
import { type QueuedPacket, SessionQueues } from './session-queues.ts'

interface Packet extends QueuedPacket {
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  dup?: boolean
}

interface Subscription {
  topic: string
  qos: number
}

/** Cached answers of `matches`; a full cache is cleared. */
const MATCHES_MAX = 65_536

/**
 * What Aedes keeps between packets. Subscriptions, retained messages and wills are in memory, as in Aedes' own
 * persistence. Queues of disconnected subscribers are bounded. QoS 2 identifiers are committed with their readings.
 */
export class BrokerPersistence extends MemoryPersistence {
  readonly queues: SessionQueues<Packet>
  readonly #intake: Intake
  readonly #incoming: IncomingIds
  readonly #onSettled: () => void
  /** Filters of persistent sessions (clean session 0), and how many sessions have each. */
  readonly #filters = new Map<string, number>()
  readonly #byClient = new Map<string, Set<string>>()
  readonly #matches = new Map<string, boolean>()

  /** @param onSettled called for each QoS 2 publish that is settled: reading from held sockets may continue */
  constructor(intake: Intake, incoming: IncomingIds, sessionQueueMax: number, onSettled: () => void) {
    super()
    this.#intake = intake
    this.#incoming = incoming
    this.#onSettled = onSettled
    this.queues = new SessionQueues(sessionQueueMax)
  }

  /** Aedes requires an async function. */
  override async setup(broker: unknown): Promise<void> {
    await super.setup(broker)
  }

  /** Whether a persistent session, connected or not, subscribes to this topic. */
  matches(topic: string): boolean {
    if (this.#filters.size === 0) return false
    let match = this.#matches.get(topic)
    if (match === undefined) {
      match = [...this.#filters.keys()].some((filter) => filterMatches(filter, topic))
      if (this.#matches.size >= MATCHES_MAX) this.#matches.clear()
      this.#matches.set(topic, match)
    }
    return match
  }

  override async addSubscriptions(client: Client, subscriptions: Subscription[]): Promise<void> {
    // Aedes passes all subscriptions of the packet, including those that it refuses.
    const granted = subscriptions.filter(({ topic }) => !topic.startsWith('$'))
    await super.addSubscriptions(client, granted)
    let own = this.#byClient.get(client.id)
    if (own === undefined) {
      own = new Set()
      this.#byClient.set(client.id, own)
    }
    for (const { topic } of granted) {
      if (own.has(topic)) continue
      own.add(topic)
      this.#filters.set(topic, (this.#filters.get(topic) ?? 0) + 1)
    }
    this.#matches.clear()
  }

  override async removeSubscriptions(client: Client, topics: string[]): Promise<void> {
    await super.removeSubscriptions(client, topics)
    this.#forget(client.id, topics)
  }

  /** A clean session begins: the previous session and its queue are removed. */
  override async cleanSubscriptions(client: Client): Promise<void> {
    await super.cleanSubscriptions(client)
    this.#forget(client.id, [...(this.#byClient.get(client.id) ?? [])])
    this.queues.drop(client.id)
  }

  #forget(client: string, topics: readonly string[]): void {
    const own = this.#byClient.get(client)
    if (own === undefined) return
    for (const topic of topics) {
      if (!own.delete(topic)) continue
      const left = this.#filters.get(topic)! - 1
      if (left === 0) this.#filters.delete(topic)
      else this.#filters.set(topic, left)
    }
    if (own.size === 0) this.#byClient.delete(client)
    this.#matches.clear()
  }

  override async outgoingEnqueue(sub: { clientId: string }, packet: Packet): Promise<void> {
    this.queues.add(sub.clientId, { ...packet })
  }

  override async outgoingEnqueueCombi(subs: { clientId: string }[], packet: Packet): Promise<void> {
    for (const { clientId } of subs) this.queues.add(clientId, { ...packet })
  }

  override async outgoingUpdate(client: Client, packet: Packet): Promise<void> {
    if (!this.queues.update(client.id, packet)) throw new Error('no such packet')
  }

  override async outgoingClearMessageId(client: Client, packet: Packet): Promise<Packet | undefined> {
    return this.queues.clear(client.id, packet.messageId)
  }

  override outgoingStream(client: Client): Readable {
    return Readable.from(this.queues.of(client.id))
  }

  /** Rejects when the identifier is new: Aedes accepts the packet then. */
  override async incomingGetPacket(client: Client, packet: Packet): Promise<Packet> {
    const known = this.#incoming.meet(client.id, packet.messageId!)
    if (known === undefined) {
      if (packet.cmd === 'publish') void this.#keep(client, packet)
      throw new Error('no such packet')
    }
    await known
    return packet
  }

  /** Aedes has found the packet to be new. Resolves when it is on disk; PUBREC is sent after that. */
  override async incomingStorePacket(client: Client, packet: Packet): Promise<void> {
    const kept = this.#incoming.meet(client.id, packet.messageId!)
    if (kept === undefined) throw new Error('not stored')
    await kept
  }

  #keep(client: Client, { topic, payload, retain, dup, messageId }: Packet): Promise<void> {
    const id = { client: client.id, messageId: messageId! }
    const lasting = !client.clean
    return this.#incoming.keep(client.id, messageId!, (settle) => {
      if (!this.#intake.keeps(topic)) return settle(undefined)
      const settled: Settle = (failure) =>
        settleLater(failure, (why) => {
          settle(why)
          this.#onSettled()
        })
      const publish = { topic, payload, client: client.id, dup: dup === true, qos: 2, retain } as const
      this.#intake.offer(publish, settled, lasting ? id : undefined)
    })
  }

  override async incomingDelPacket(client: Client, packet: Packet): Promise<void> {
    await this.#incoming.release(client.id, packet.messageId!, !client.clean)
  }

  override async cleanIncoming(client: Client): Promise<void> {
    this.#incoming.forget(client.id)
  }
}
