import type { Aedes, Client } from 'aedes'
import { TextCache } from '../base/text/text-cache.ts'
import type { Guard } from './guards/guard.ts'
import type { Refusals } from './guards/refusals.ts'
import type { Unrouted } from './guards/unrouted.ts'
import type { Intake } from './intake.ts'
import type { BrokerPersistence } from './persistence.ts'
import type { LocalSubscribers } from './sessions/local-subscribers.ts'
import type { QueuedPacket } from './sessions/session-queue.ts'
import type { Sessions } from './sessions/sessions.ts'

export interface Packet {
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  brokerId?: string | null
  brokerCounter?: number
  messageId?: number
}
type Done = (failure?: Error | null) => void
type Deliver = (packet: Packet, done: Done) => void

/** Private members of Aedes; private-members.ts checks them at start. */
interface Inner {
  id: string
  publish(packet: Packet, client: Client | null | Done, done?: Done): void
}

const noop: Done = () => undefined

export interface DeliveryDependencies {
  readonly persistence: BrokerPersistence
  readonly subscribers: LocalSubscribers<Packet>
  readonly sessions: Sessions
  readonly intake: Pick<Intake, 'delivers' | 'offer'>
  readonly guard: Guard
  readonly unrouted: Unrouted
}

/**
 * Four changes to how Aedes hands messages to local subscribers.
 *
 * 1. A topic without subscribers costs nothing: no packet is built and the emitter is not called.
 * 2. Messages arrive in order and none is lost. Aedes takes a message with a lower broker counter than the previous one
 *    for a repeat and drops it. QoS 0 messages and messages that are not retained take fewer steps inside Aedes,
 *    overtake others, and the overtaken ones are dropped. So QoS 0 messages get a counter space of their own, and a
 *    retained message is stored before the common steps begin: all QoS 1 and 2 messages then take the same steps.
 * 3. A slow subscriber delays only the clients that publish to it (`concurrency: 0`), and is disconnected when too many
 *    bytes are queued for it (`mayForward`).
 * 4. Where the intake says so, a publish is delivered to no subscriber, or is not retained.
 *
 * None of the replaced members throws: Aedes calls them without expecting it.
 */
export function shapeDelivery(
  broker: Aedes,
  { persistence, subscribers, sessions, intake, guard, unrouted }: DeliveryDependencies,
): Wanted {
  const inner = broker as unknown as Inner
  const quick = `${inner.id}:q0`
  const announcements = `$SYS/${inner.id}/new/clients`
  const wanted = wantedTopics(subscribers, sessions)

  const on = subscribers.on.bind(subscribers)
  subscribers.on = (filter, notify, done = noop) => {
    guard.answer('mq.on', { cause: undefined, answer: done, refuse: done }, (answer) => on(filter, notify, answer))
    return subscribers
  }
  const emit = subscribers.emit.bind(subscribers)
  subscribers.emit = (packet, done = noop) => {
    if (packet.qos === 0) packet.brokerId = quick
    guard.answer('mq.emit', { cause: undefined, answer: done, refuse: done }, (answer) => emit(packet, answer))
    return subscribers
  }

  // The message is acknowledged, or about to be: it is kept without a promise.
  const keepLate = ({ topic, payload, qos }: Packet, { id }: Client): void =>
    intake.offer({ topic, payload, client: id, dup: false, qos: qos as 0 | 1 | 2, retain: false }, () => undefined)
  const publish = inner.publish.bind(inner)
  const hand = (packet: Packet, client: Client | null, done: Done): void => {
    // Aedes announces each client to other brokers, which do not exist.
    if (client === null && packet.topic === announcements) return done()
    const delivers = client === null ? 'all' : intake.delivers(packet.topic)
    if (delivers === 'none') return done()
    if (delivers === 'fresh') packet.retain = false
    if (packet.retain) {
      persistence.storeRetainedOf(packet, client?.id)
      packet.retain = false
    }
    if (wanted.isWanted(packet.topic, packet.qos)) return publish(packet, client, done)
    if (client !== null && unrouted.isMissed(packet)) keepLate(packet, client)
    done()
  }
  inner.publish = (packet, clientOrDone, maybeDone) => {
    const client = typeof clientOrDone === 'function' ? null : clientOrDone
    const done = (typeof clientOrDone === 'function' ? clientOrDone : maybeDone) ?? noop
    guard.answer('publish', { cause: client, answer: done, refuse: done }, (answer) => hand(packet, client, answer))
  }
  return wanted
}

/** Whether a connected client, or the session of an absent one, gets a message. */
export interface Wanted {
  /** Call it once for each message: counts it as dropped if only full sessions subscribe to it. */
  isWanted(topic: string, qos: number): boolean
  /** The same, without counting. */
  wouldTake(topic: string, qos: number): boolean
}

function wantedTopics(subscribers: LocalSubscribers<Packet>, sessions: Sessions): Wanted {
  const known = new TextCache<{ readonly local: boolean; readonly open: boolean; readonly full: number }>()
  let version = 0
  const find = (topic: string) => {
    const current = subscribers.version + sessions.version
    if (version !== current) {
      known.clear()
      version = current
    }
    let found = known.get(topic)
    if (found === undefined) {
      found = { local: subscribers.has(topic), ...sessions.wants(topic) }
      known.add(topic, found)
    }
    return found
  }
  return {
    isWanted(topic, qos) {
      const { local, open, full } = find(topic)
      if (local || qos === 0) return local
      if (!open) sessions.dropped += full
      return open
    },
    wouldTake(topic, qos) {
      const { local, open } = find(topic)
      return local || (qos > 0 && open)
    },
  }
}

/**
 * Makes Aedes treat a message as the subscription asks for it before it is judged: with QoS 0 it is not queued. If the
 * same message is queued because of another filter of the client, it is delivered once, with the higher QoS.
 */
export function shapeClient(client: Client, sessions: Sessions): void {
  const inner = client as unknown as { deliver0: Deliver }
  const { deliver0 } = inner
  inner.deliver0 = (packet, done) => {
    if (packet.qos > 0 && !client.clean && sessions.find(client.id)?.queue.get(packet.brokerCounter) !== undefined) {
      setImmediate(done)
      return
    }
    packet.qos = 0
    deliver0(packet, done)
  }
}

/** Whether a message is delivered to this client. Disconnects a client that does not read what it subscribed to. */
export function mayForward(
  client: Client,
  packet: Packet & QueuedPacket,
  options: { sessions: Sessions; refusals: Refusals; slowSubscriberBytesMax: number },
): boolean {
  if (packet.topic.startsWith('$')) return false
  const socket = client.conn as { writableLength: number; destroyed: boolean; destroy(): void }
  if (socket.destroyed) return false
  if (socket.writableLength > options.slowSubscriberBytesMax) {
    const what = `a subscriber has ${socket.writableLength} bytes to read; at most ${options.slowSubscriberBytesMax} wait for it`
    options.refusals.note('slowSubscriber', { client: client.id, what })
    socket.destroy()
    return false
  }
  if (packet.qos === 0 || client.clean) return true
  return giveId(client.id, packet, options.sessions)
}

/** Gives the packet the id under which its session expects the acknowledgement; false: the session has dropped it. */
function giveId(id: string, packet: Packet & QueuedPacket, sessions: Sessions): boolean {
  // Aedes sends retained messages after a SUBSCRIBE without queueing them.
  if (packet.brokerId === null && !sessions.enqueueFor(id, packet)) return false
  const queue = sessions.find(id)?.queue
  const queued = queue?.get(packet.brokerCounter)
  if (queued === undefined) return false
  packet.qos = queued.qos ?? packet.qos
  packet.messageId = queue!.idFor(packet.brokerCounter!)
  return true
}
