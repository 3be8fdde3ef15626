import type { MessageHandler } from './link.ts'

interface Message {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: number
  readonly messageId?: number | undefined
  readonly retain?: boolean | undefined
}

export interface InboundOptions {
  readonly handle: MessageHandler
  /** Writes the PUBACK. */
  readonly acknowledge: (messageId: number) => void
  /** Ends the link; nothing is acknowledged afterwards. */
  readonly fail: (cause: unknown) => void
  /** Messages of QoS 0, and of QoS 1, that are handed over and not yet settled, at most. */
  readonly openMax: number
}

/**
 * Messages from the broker that are not settled yet. Acknowledgements leave in the order of arrival (MQTT 5, 4.6).
 * While messages wait, the packets after them are still read: the answer to one of our own publishes may be among them.
 * Reading stops only when the broker exceeds `openMax`, which MQTT 3.1.1 cannot forbid; QoS 0 messages beyond it are
 * dropped.
 */
export class Inbound {
  readonly #options: InboundOptions
  #acknowledged: Promise<unknown> = Promise.resolve()
  /** Not yet settled, by QoS: QoS 0 messages must not use the places of QoS 1 messages. */
  readonly #open: [number, number] = [0, 0]
  /** Set while reading is stopped, before `release` and beyond `openMax`: resumes it. */
  #waiting: (() => void) | undefined
  #released = false
  #ended = false

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** Starts handing messages over. */
  release(): void {
    this.#released = true
    this.#goOn()
  }

  /**
   * @param readOn reads the next packet; called at most once, and only after this message was handed over or dropped
   */
  take(message: Message, readOn: () => void): void {
    if (this.#ended) return
    const qos = message.qos === 0 ? 0 : 1
    if (!this.#released) this.#waiting = () => this.take(message, readOn)
    else if (this.#open[qos] < this.#options.openMax) {
      this.#start(message, qos)
      readOn()
    } else if (qos === 0) readOn()
    else this.#waiting = () => this.take(message, readOn)
  }

  #start(message: Message, qos: 0 | 1): void {
    const settled = this.#handle(message)
    // A message that is settled synchronously does not count: retained messages arrive by the thousand in one turn.
    if (qos === 0 && settled === undefined) return
    this.#open[qos]++
    if (qos === 0) void settled?.then(() => this.#open[0]--)
    else {
      this.#acknowledged = Promise.all([this.#acknowledged, settled]).then(() => {
        this.#open[1]--
        if (this.#ended) return
        if (message.messageId !== undefined) this.#options.acknowledge(message.messageId)
        this.#goOn()
      })
    }
  }

  /** Undefined when already settled. Never rejects: a failure ends the link at once, before earlier messages settle. */
  #handle({ topic, payload, retain = false }: Message): Promise<void> | undefined {
    try {
      return this.#options.handle(topic, payload, { retained: retain })?.catch((cause) => this.#options.fail(cause))
    } catch (cause) {
      this.#options.fail(cause)
      return undefined
    }
  }

  #goOn(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  /** The link has ended: messages that settle later are not acknowledged, and nothing more is read. */
  end(): void {
    this.#ended = true
    this.#waiting = undefined
  }
}
