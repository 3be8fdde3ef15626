import type { Aedes, Client } from 'aedes'
import type { Log } from '../base/log.ts'
import type { Packet } from './delivery.ts'
import type { BrokerPersistence } from './persistence.ts'
import { bytesToKeep } from './sessions/session-queue.ts'
import type { Sessions } from './sessions/sessions.ts'

/** A message of Tidegate itself for local subscribers. */
export interface OwnMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
}

/** A message that was handed to local subscribers and is to be acknowledged by one of them. */
export interface Delivery {
  /** False: no subscriber that got it can still acknowledge it. */
  readonly isOpen: boolean
}

/** A client that got a message, and how its acknowledgement is recognised. */
interface Holder {
  readonly client: Client
  readonly messageId: number
  readonly counter: number | undefined
}

interface Tracked {
  readonly holders: Set<Holder>
  onAcknowledged: () => void
  /** The broker is still handing it to subscribers. */
  isHanding: boolean
}

/** Private members of Aedes; private-members.ts checks them at start. */
interface Inner {
  _nextId: number
}

const ID_MAX = 65_535

export interface OwnMessagesDependencies {
  readonly aedes: Aedes
  readonly persistence: BrokerPersistence
  readonly sessions: Sessions
  readonly log: Log
  /** Whether a connected client subscribes to a topic. */
  hasSubscriber(topic: string): boolean
}

/**
 * Messages of Tidegate itself for local subscribers. They carry no readings, pass no route and are never stored by the
 * broker. `deliver` also reports the first acknowledgement.
 */
export class OwnMessages {
  readonly #deps: OwnMessagesDependencies
  /** By the payload of the message, which stays the same object in every packet that is made of it. */
  readonly #byPayload = new WeakMap<object, Tracked>()
  /** By client id and packet identifier. */
  readonly #byId = new Map<string, { readonly tracked: Tracked; readonly holder: Holder }>()

  constructor(dependencies: OwnMessagesDependencies) {
    this.#deps = dependencies
    const { persistence } = dependencies
    const clear = persistence.outgoingClearMessageId.bind(persistence)
    persistence.outgoingClearMessageId = (client, packet) => {
      this.#acknowledged(client, packet.messageId)
      return clear(client, packet)
    }
  }

  /** Whether a connected client subscribes to this topic. */
  hasSubscriber(topic: string): boolean {
    return this.#deps.hasSubscriber(topic)
  }

  publish(message: OwnMessage): void {
    this.#publish(message, () => undefined)
  }

  /**
   * Publishes a message and reports the first acknowledgement of a subscriber. A subscription with QoS 0 has none: there
   * it counts that the message was written. A client with a persistent session may acknowledge after it has reconnected.
   */
  deliver(message: Omit<OwnMessage, 'qos'>, onAcknowledged: () => void): Delivery {
    const tracked: Tracked = { holders: new Set(), onAcknowledged, isHanding: true }
    const payload = bytesToKeep(Buffer.from(message.payload))
    this.#byPayload.set(payload, tracked)
    this.#publish({ ...message, payload, qos: 1 }, () => {
      tracked.isHanding = false
    })
    const isOpen = (): boolean =>
      tracked.isHanding || [...tracked.holders].some((holder) => this.#isLeft(tracked, holder))
    return {
      get isOpen() {
        return isOpen()
      },
    }
  }

  #publish(message: OwnMessage, done: () => void): void {
    this.#deps.aedes.publish({ cmd: 'publish', dup: false, ...message }, (failure) => {
      if (failure) {
        const { topic } = message
        this.#deps.log.warn({ topic, err: failure }, 'a message to local subscribers was not published')
      }
      done()
    })
  }

  /** Called for each packet that is about to be written to a client. */
  handed(client: Client, packet: Packet): void {
    const tracked = this.#byPayload.get(packet.payload)
    if (tracked === undefined) return
    if (packet.qos === 0) return tracked.onAcknowledged()
    // Aedes would choose the identifier later; a session has chosen it already.
    packet.messageId ??= nextId(client as unknown as Inner)
    const holder = { client, messageId: packet.messageId, counter: packet.brokerCounter }
    tracked.holders.add(holder)
    this.#byId.set(keyOf(client, packet.messageId), { tracked, holder })
  }

  #acknowledged(client: Client, messageId: number | undefined): void {
    const key = keyOf(client, messageId)
    const found = this.#byId.get(key)
    if (found === undefined || (client.clean && found.holder.client !== client)) return
    this.#byId.delete(key)
    found.tracked.onAcknowledged()
    for (const holder of found.tracked.holders) this.#forget(found.tracked, holder)
  }

  /** Whether this client can still acknowledge the message. */
  #isLeft(tracked: Tracked, holder: Holder): boolean {
    const { client, counter } = holder
    const queue = client.clean ? undefined : this.#deps.sessions.find(client.id)?.queue
    if (client.clean ? !client.closed : queue?.get(counter) !== undefined) return true
    this.#forget(tracked, holder)
    return false
  }

  #forget(tracked: Tracked, holder: Holder): void {
    tracked.holders.delete(holder)
    const key = keyOf(holder.client, holder.messageId)
    if (this.#byId.get(key)?.holder === holder) this.#byId.delete(key)
  }
}

function keyOf({ id }: Client, messageId: number | undefined): string {
  return `${messageId}:${id}`
}

function nextId(client: Inner): number {
  const id = Math.max(1, client._nextId)
  client._nextId = id >= ID_MAX ? 1 : id + 1
  return id
}
