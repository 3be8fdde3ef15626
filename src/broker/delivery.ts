import type { Aedes, Client } from 'aedes'
import { TextCache } from '../base/text/text-cache.ts'
import type { Guard } from './guards/guard.ts'
import type { Refusals } from './guards/refusals.ts'
import type { Unrouted } from './guards/unrouted.ts'
import type { Intake } from './intake.ts'
import type { BrokerPersistence } from './persistence.ts'
import type { QueuedPacket } from './session-queues.ts'

interface Packet {
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  brokerId?: string
  brokerCounter?: number
}
type Done = (failure?: Error | null) => void

/** Private members of Aedes and mqemitter; private-members.ts checks them at start. */
interface Inner {
  id: string
  publish(packet: Packet, client: Client | null | Done, done?: Done): void
  mq: {
    _matcher: { match(topic: string): unknown[] }
    on(topic: string, notify: unknown, done?: Done): unknown
    emit(packet: Packet, done?: Done): unknown
  }
}

interface DeliveryDependencies {
  readonly persistence: BrokerPersistence
  readonly intake: Pick<Intake, 'delivers' | 'keeps'>
  readonly guard: Guard
  readonly unrouted: Unrouted
}

const noop: Done = () => undefined

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
  { persistence, intake, guard, unrouted }: DeliveryDependencies,
): { isWanted(topic: string): boolean } {
  const inner = broker as unknown as Inner
  const quick = `${inner.id}:q0`
  const announcements = `$SYS/${inner.id}/new/clients`
  const wanted = new TextCache<boolean>()

  const on = inner.mq.on.bind(inner.mq)
  inner.mq.on = (topic, notify, done) => {
    wanted.clear()
    guard.answer('mq.on', { cause: undefined, answer: done ?? noop, refuse: done ?? noop }, (answer) => {
      on(topic, notify, answer)
    })
    return inner.mq
  }
  const isWanted = (topic: string): boolean => {
    let known = wanted.get(topic)
    if (known === undefined) {
      known = inner.mq._matcher.match(topic).length > 0
      wanted.add(topic, known)
    }
    return known || persistence.matches(topic)
  }

  const emit = inner.mq.emit.bind(inner.mq)
  inner.mq.emit = (packet, done) => {
    if (packet.qos === 0) packet.brokerId = quick
    guard.answer('mq.emit', { cause: undefined, answer: done ?? noop, refuse: done ?? noop }, (answer) => {
      emit(packet, answer)
    })
    return inner.mq
  }

  const publish = inner.publish.bind(inner)
  const hand = (packet: Packet, client: Client | null, done: Done): void => {
    // Aedes announces each client to other brokers, which do not exist.
    if (client === null && packet.topic === announcements) return done()
    const delivers = client === null ? 'all' : intake.delivers(packet.topic)
    if (delivers === 'none') return done()
    const isRetained = packet.retain
    if (delivers === 'fresh') packet.retain = false
    if (packet.retain) {
      void persistence.storeRetained(packet)
      packet.retain = false
    }
    if (isWanted(packet.topic)) return publish(packet, client, done)
    if (client !== null && !isRetained && !intake.keeps(packet.topic)) unrouted.note(packet.topic)
    done()
  }
  inner.publish = (packet, clientOrDone, maybeDone) => {
    const client = typeof clientOrDone === 'function' ? null : clientOrDone
    const done = (typeof clientOrDone === 'function' ? clientOrDone : maybeDone) ?? noop
    guard.answer('publish', { cause: client, answer: done, refuse: done }, (answer) => hand(packet, client, answer))
  }
  return { isWanted }
}

/** Whether a message is delivered to this client. Disconnects a client that does not read what it subscribed to. */
export function mayForward(
  client: Client,
  packet: Packet & QueuedPacket,
  options: { persistence: BrokerPersistence; refusals: Refusals; slowSubscriberBytesMax: number },
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
  const { queues } = options.persistence
  return packet.qos === 0 || client.clean || packet.brokerCounter === 0 || queues.has(client.id, packet)
}
