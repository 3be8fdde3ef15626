import { pause } from '../../../base/clock.ts'
import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { backoffMs } from '../../../link/backoff.ts'
import type { Link, LinkOptions } from '../../../link/link.ts'
import { openLink } from '../../../link/open.ts'

export interface OutgoingMessage {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface ReplayPublisherOptions {
  readonly link: LinkOptions
  readonly qos: 0 | 1
  /** Maximum number of unacknowledged messages. */
  readonly window: number
  /** Gives up if no message is answered for this long (milliseconds). */
  readonly giveUpMs: number
}

/** MQTT 5 reason codes from this value on are errors (MQTT 5, section 2.4). */
const REASON_CODE_ERROR_MIN = 0x80
const BACKOFF = { minMs: 250, maxMs: 5_000 }

/**
 * Publishes as a careful device does: it keeps every message until the broker has acknowledged it. After a lost connection
 * it sends the unacknowledged messages again, in order. So a message may arrive twice, but none is missing.
 */
export class ReplayPublisher {
  acknowledged = 0
  /** Number of messages that were answered with an MQTT 5 error code; they are not sent again. */
  refused = 0
  reconnects = 0
  readonly #options: ReplayPublisherOptions
  readonly #ended = new AbortController()
  readonly #inFlight = new Set<OutgoingMessage>()
  /** Messages that wait for a connection, or for the broker's Receive Maximum. */
  #pending: OutgoingMessage[] = []
  #link: Link | undefined
  #trouble: unknown
  #progressAt = 0
  #wake: (() => void) | undefined

  /** Connects. @throws OperatorError (exit 69) if the broker cannot be reached or refuses the connection */
  static async open(options: ReplayPublisherOptions): Promise<ReplayPublisher> {
    try {
      return new ReplayPublisher(options, await openLink(options.link))
    } catch (cause) {
      throw new OperatorError(`cannot connect to the broker: ${messageOf(cause)}`, {
        remedy: 'check that the edge is running, and that --url names its address',
        exitCode: Exit.UNAVAILABLE,
        cause,
      })
    }
  }

  private constructor(options: ReplayPublisherOptions, link: Link) {
    this.#options = options
    void this.#keepLink(link)
  }

  /** Number of messages that are not answered yet. */
  get open(): number {
    return this.#inFlight.size + this.#pending.length
  }

  /** Takes a message. If it returns a promise, the window is full: await the promise before the next message. */
  send(message: OutgoingMessage): Promise<void> | undefined {
    if (this.open === 0) this.#progressAt = performance.now()
    this.#pending.push(message)
    this.#transmit()
    return this.open < this.#options.window ? undefined : this.#untilFewer(this.#options.window)
  }

  /** Resolves when every message is answered. @throws OperatorError (exit 69) if no answer arrives for `giveUpMs` */
  settled(): Promise<void> {
    return this.#untilFewer(1)
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#link?.close()
  }

  #transmit(): void {
    const link = this.#link
    if (link === undefined) return
    while (this.#inFlight.size < link.receiveMaximum) {
      const message = this.#pending.shift()
      if (message === undefined) return
      this.#inFlight.add(message)
      link.publish(message.topic, message.payload, { qos: this.#options.qos }).then(
        ({ reasonCode }) => this.#settle(message, reasonCode),
        () => {}, // The link has ended; the next link sends the message again.
      )
    }
  }

  #settle(message: OutgoingMessage, reasonCode: number): void {
    if (!this.#inFlight.delete(message)) return
    if (reasonCode < REASON_CODE_ERROR_MIN) this.acknowledged++
    else this.refused++
    this.#progressAt = performance.now()
    this.#transmit()
    this.#wake?.()
  }

  async #keepLink(first: Link): Promise<void> {
    for (let link: Link | undefined = first; link !== undefined; link = await this.#reopen()) {
      this.#link = link
      this.#transmit()
      this.#trouble = await link.closed
      this.#link = undefined
      this.#pending = [...this.#inFlight, ...this.#pending]
      this.#inFlight.clear()
    }
  }

  /** Tries until it is connected; undefined: the publisher was closed. */
  async #reopen(): Promise<Link | undefined> {
    for (let attempt = 0; ; attempt++) {
      await pause(backoffMs(attempt, BACKOFF, Math.random), this.#ended.signal)
      if (this.#ended.signal.aborted) return undefined
      try {
        const link = await openLink(this.#options.link)
        this.reconnects++
        return link
      } catch (trouble) {
        this.#trouble = trouble
      }
    }
  }

  async #untilFewer(count: number): Promise<void> {
    while (this.open >= count) {
      const leftMs = this.#progressAt + this.#options.giveUpMs - performance.now()
      if (leftMs <= 0) throw this.#gaveUp()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  #gaveUp(): OperatorError {
    const trouble = this.#trouble === undefined ? '' : ` (${messageOf(this.#trouble)})`
    const { giveUpMs } = this.#options
    return new OperatorError(
      `gave up: no answer for ${giveUpMs / 1_000} s${trouble}; ${this.acknowledged} messages are acknowledged, ${this.open} are not`,
      { remedy: 'check with `tidegate status` that the edge is running and healthy', exitCode: Exit.UNAVAILABLE },
    )
  }
}
