/** The fields of an Aedes packet that queues use. */
export interface QueuedPacket {
  cmd: string
  messageId?: number | undefined
  brokerId?: string | undefined
  brokerCounter?: number | undefined
}

/**
 * Messages (QoS 1 and 2) kept for local subscribers with a persistent session: in order, found by broker counter until
 * they are sent and by message id afterwards. At most `countMax` for each client; further messages are dropped and
 * counted.
 */
export class SessionQueues<P extends QueuedPacket> {
  readonly #queues = new Map<string, Queue<P>>()
  readonly #countMax: number
  /** Messages dropped because a queue was full. */
  dropped = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  add(client: string, packet: P): void {
    let queue = this.#queues.get(client)
    if (queue === undefined) {
      queue = { byCounter: new Map(), byMessageId: new Map() }
      this.#queues.set(client, queue)
    }
    if (queue.byCounter.size >= this.#countMax) this.dropped++
    else queue.byCounter.set(packet.brokerCounter!, packet)
  }

  /** Whether this message was queued for the client, and not dropped. */
  has(client: string, packet: QueuedPacket): boolean {
    return this.#queues.get(client)?.byCounter.has(packet.brokerCounter!) ?? false
  }

  /**
   * Records the id under which a message was sent, or that only its PUBREL must still be sent. False: no such message.
   */
  update(client: string, packet: P): boolean {
    const queue = this.#queues.get(client)
    if (queue === undefined) return false
    const counter = packet.brokerId === undefined ? undefined : packet.brokerCounter
    if (counter !== undefined) {
      const queued = queue.byCounter.get(counter)
      if (queued !== undefined) {
        queued.messageId = packet.messageId
        queue.byMessageId.set(packet.messageId!, counter)
        return true
      }
    }
    const known = queue.byMessageId.get(packet.messageId!)
    if (known === undefined) return false
    queue.byCounter.set(known, packet)
    return true
  }

  /** The client has the message: removes and returns it. An unknown id is not an error. */
  clear(client: string, messageId: number | undefined): P | undefined {
    const queue = this.#queues.get(client)
    const counter = messageId === undefined ? undefined : queue?.byMessageId.get(messageId)
    if (queue === undefined || counter === undefined) return undefined
    const packet = queue.byCounter.get(counter)
    queue.byMessageId.delete(messageId!)
    queue.byCounter.delete(counter)
    if (queue.byCounter.size === 0) this.#queues.delete(client)
    return packet
  }

  /** The queued messages, in order. */
  of(client: string): P[] {
    return [...(this.#queues.get(client)?.byCounter.values() ?? [])]
  }

  /** The session ended. */
  drop(client: string): void {
    this.#queues.delete(client)
  }
}

interface Queue<P> {
  readonly byCounter: Map<number, P>
  readonly byMessageId: Map<number, number>
}
