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
  /** Messages of each kind that are handed over and not yet settled, at most. */
  readonly openMax: number
}

/**
 * What the broker has sent and nobody has settled yet. Acknowledgements leave in the order of arrival (MQTT 5, 4.6).
 * While messages wait, the packets behind them are still read: the answer to a publish of ours may be among them. Only
 * when the broker exceeds `openMax`, which MQTT 3.1.1 cannot forbid, reading waits; QoS 0 above it is dropped.
 */
export class Inbound {
  readonly #options: InboundOptions
  #acknowledged: Promise<unknown> = Promise.resolve()
  /** Not yet settled, by QoS: messages without a promise must not take the place of those that have one. */
  readonly #open: [number, number] = [0, 0]
  /** What lets reading go on: before `release`, and above `openMax`. */
  #waiting: (() => void) | undefined
  #released = false
  #ended = false

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** From now on messages are handed over. */
  release(): void {
    this.#released = true
    this.#goOn()
  }

  /** @param readOn lets the next packet be read; it is called at most once, and not before this message has its place */
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
    // What is settled at once takes no place: kept messages come by the thousand, and all in one turn.
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

  /** Undefined when it is settled. Never rejects: a failure ends the link at once, without waiting for its turn. */
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

  /** The link has ended: what settles from now on goes unacknowledged, and nothing more is read. */
  end(): void {
    this.#ended = true
    this.#waiting = undefined
  }
}
