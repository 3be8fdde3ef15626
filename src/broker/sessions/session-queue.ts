/** The fields of an Aedes packet that queues use. */
export interface QueuedPacket {
  cmd: string
  messageId?: number | undefined
  brokerId?: string | null | undefined
  brokerCounter?: number | undefined
  topic?: string
  payload?: Buffer | string
  qos?: number
  retain?: boolean
  dup?: boolean
}

/** Memory of a message without its topic and payload, and of one place in a queue (bytes). */
const MESSAGE_BYTES = 300
const PLACE_BYTES = 100
/** A payload that is at least this share of the memory that it keeps is not copied. */
const KEPT_SHARE = 0.9
/** Packet identifiers have 16 bits, and 0 is none. */
const ID_MAX = 65_535

/** A message that is queued for one or more sessions. Its memory is counted once. */
export class QueuedMessage {
  readonly packet: QueuedPacket
  readonly bytes: number
  holders = 0

  /** @param qos lower than that of the packet: the subscription asks for it */
  constructor(packet: QueuedPacket, qos = packet.qos) {
    const payload = packet.payload === undefined ? undefined : bytesToKeep(packet.payload)
    this.packet = payload === undefined ? { ...packet } : { ...packet, payload, ...(qos === undefined ? {} : { qos }) }
    this.bytes = MESSAGE_BYTES + (payload?.length ?? 0) + (packet.topic?.length ?? 0)
  }
}

/**
 * The payload, to be kept. It is a part of the bytes that came with one read of a socket, and keeps all of them in memory:
 * it is copied unless it is most of them.
 */
export function bytesToKeep(payload: Buffer | string): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  if (bytes.length >= KEPT_SHARE * bytes.buffer.byteLength) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

/** Bytes and messages of all queues. */
export class QueueMemory {
  bytes = 0
  messages = 0

  /** Bytes that one more place for this message takes. */
  costOf(message: QueuedMessage): number {
    return PLACE_BYTES + (message.holders === 0 ? message.bytes : 0)
  }

  hold(message: QueuedMessage): void {
    this.bytes += this.costOf(message)
    this.messages++
    message.holders++
  }

  release(message: QueuedMessage): void {
    message.holders--
    this.messages--
    this.bytes -= this.costOf(message)
  }
}

/**
 * Messages (QoS 1 and 2) of one session that its client has not acknowledged: in order, found by broker counter until
 * they are sent and by message id afterwards.
 */
export class SessionQueue {
  readonly #memory: QueueMemory
  readonly #messages = new Map<number, QueuedMessage>()
  /** Of the messages that were sent. */
  readonly #counterOf = new Map<number, number>()
  readonly #idOf = new Map<number, number>()
  #nextId = 1
  bytes = 0

  constructor(memory: QueueMemory) {
    this.#memory = memory
  }

  get count(): number {
    return this.#messages.size
  }

  add(message: QueuedMessage): void {
    const counter = message.packet.brokerCounter!
    if (this.#messages.has(counter)) return
    this.#hold(counter, message)
  }

  get(counter: number | undefined): QueuedPacket | undefined {
    return this.#messages.get(counter!)?.packet
  }

  /** The message id under which to send a queued message: one that no other message of the session has. */
  idFor(counter: number): number {
    let id = this.#idOf.get(counter)
    if (id !== undefined) return id
    while (this.#counterOf.has(this.#nextId)) this.#nextId = (this.#nextId % ID_MAX) + 1
    id = this.#nextId
    this.#nextId = (id % ID_MAX) + 1
    this.#setId(counter, id)
    return id
  }

  /**
   * Records the id under which a message is sent, or that only its PUBREL must still be sent. Gives the packet another id
   * if a message has that one. False: no such message.
   */
  update(packet: QueuedPacket): boolean {
    const { brokerId, brokerCounter, messageId } = packet
    if (brokerId !== undefined && brokerId !== null && this.#messages.has(brokerCounter!)) {
      const isFree = !this.#counterOf.has(messageId!)
      if (isFree) this.#setId(brokerCounter!, messageId!)
      else packet.messageId = this.idFor(brokerCounter!)
      return true
    }
    const counter = this.#counterOf.get(messageId!)
    if (counter === undefined) return false
    const former = this.#messages.get(counter)!
    this.#memory.release(former)
    this.bytes -= former.bytes
    this.#hold(counter, new QueuedMessage(packet))
    return true
  }

  /** The client has the message: removes and returns it. An unknown id is not an error. */
  clear(messageId: number | undefined): QueuedPacket | undefined {
    const counter = this.#counterOf.get(messageId!)
    if (counter === undefined) return undefined
    const message = this.#messages.get(counter)!
    this.#counterOf.delete(messageId!)
    this.#idOf.delete(counter)
    this.#messages.delete(counter)
    this.#memory.release(message)
    this.bytes -= message.bytes
    return { ...message.packet, messageId }
  }

  /** The messages that are queued now, in order. One that was sent before has its id and the DUP flag. */
  *read(): Generator<QueuedPacket> {
    for (const counter of [...this.#messages.keys()]) {
      const packet = this.get(counter)
      if (packet === undefined) continue
      const messageId = this.#idOf.get(counter)
      if (messageId === undefined) yield { ...packet, messageId: undefined }
      else yield packet.cmd === 'publish' ? { ...packet, messageId, dup: true } : { ...packet, messageId }
    }
  }

  /** Removes all messages. @returns how many there were */
  drop(): number {
    const { size } = this.#messages
    for (const message of this.#messages.values()) this.#memory.release(message)
    this.#messages.clear()
    this.#counterOf.clear()
    this.#idOf.clear()
    this.bytes = 0
    return size
  }

  #hold(counter: number, message: QueuedMessage): void {
    this.#messages.set(counter, message)
    this.#memory.hold(message)
    this.bytes += message.bytes
  }

  #setId(counter: number, id: number): void {
    const former = this.#idOf.get(counter)
    if (former !== undefined) this.#counterOf.delete(former)
    this.#idOf.set(counter, id)
    this.#counterOf.set(id, counter)
  }
}
