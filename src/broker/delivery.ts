import type { Aedes, Client } from 'aedes'
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

/** The parts of Aedes and mqemitter that are not in their types. Private: the versions are pinned. */
interface Inner {
  id: string
  publish(packet: Packet, client: Client | null | Done, done?: Done): void
  mq: {
    _matcher: { match(topic: string): unknown[] }
    on(topic: string, notify: unknown, done?: () => void): unknown
    emit(packet: Packet, done?: Done): unknown
  }
}

const KNOWN_MAX = 65_536
const noop: Done = () => undefined

/**
 * Four changes to how Aedes hands messages to local subscribers.
 *
 * 1. A topic without subscribers costs nothing: no packet is built and no emitter is asked.
 * 2. Messages arrive in order and none vanishes. Aedes drops what comes to a subscriber with a lower broker counter
 *    than the last one, as a repeat. A QoS 0 message, or one that is not retained, overtakes on a shorter way inside Aedes
 *    and makes the overtaken one vanish. So QoS 0 gets a counter space of its own, and retained messages are kept
 *    before the common way begins, so that all QoS 1 and 2 messages take the same steps.
 * 3. One slow subscriber delays nobody but those who publish to it (`concurrency: 0`), and is disconnected when too
 *    much has piled up (`mayForward`).
 * 4. What the intake keeps for itself goes to nobody, or is not retained, whoever asks for that.
 */
export function shapeDelivery(
  broker: Aedes,
  persistence: BrokerPersistence,
  intake: Pick<Intake, 'delivers'>,
): { isWanted(topic: string): boolean } {
  const inner = broker as unknown as Inner
  const quick = `${inner.id}:q0`
  const wanted = new Map<string, boolean>()

  const on = inner.mq.on.bind(inner.mq)
  inner.mq.on = (topic, notify, done) => {
    wanted.clear()
    return on(topic, notify, done)
  }
  const isWanted = (topic: string): boolean => {
    let known = wanted.get(topic)
    if (known === undefined) {
      known = inner.mq._matcher.match(topic).length > 0
      if (wanted.size >= KNOWN_MAX) wanted.clear()
      wanted.set(topic, known)
    }
    return known || persistence.matches(topic)
  }

  const emit = inner.mq.emit.bind(inner.mq)
  inner.mq.emit = (packet, done) => {
    if (packet.qos === 0) packet.brokerId = quick
    return emit(packet, done)
  }

  const publish = inner.publish.bind(inner)
  inner.publish = (packet, clientOrDone, maybeDone) => {
    const client = typeof clientOrDone === 'function' ? null : clientOrDone
    const done = (typeof clientOrDone === 'function' ? clientOrDone : maybeDone) ?? noop
    const delivers = client === null ? 'all' : intake.delivers(packet.topic)
    if (delivers === 'none') return done()
    if (delivers === 'fresh') packet.retain = false
    if (packet.retain) {
      void persistence.storeRetained(packet)
      packet.retain = false
    }
    if (isWanted(packet.topic)) publish(packet, client, done)
    else done()
  }
  return { isWanted }
}

/** Whether a message goes to this client; disconnects one that does not take what it asked for. */
export function mayForward(
  client: Client,
  packet: Packet & QueuedPacket,
  options: { persistence: BrokerPersistence; slowSubscriberBytesMax: number },
): boolean {
  if (packet.topic.startsWith('$')) return false
  const socket = client.conn as { writableLength: number; destroy(): void }
  if (socket.writableLength > options.slowSubscriberBytesMax) {
    socket.destroy()
    return false
  }
  const { queues } = options.persistence
  return packet.qos === 0 || client.clean || packet.brokerCounter === 0 || queues.has(client.id, packet)
}
