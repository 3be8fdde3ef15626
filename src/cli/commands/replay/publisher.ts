import { pause } from '../../../base/clock.ts'
import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { backoffMs } from '../../../link/backoff.ts'
import type { Link, LinkOptions } from '../../../link/link.ts'
import { openLink } from '../../../link/open.ts'

export interface Message {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface PublisherOptions {
  readonly link: LinkOptions
  readonly qos: 0 | 1
  /** Messages without an acknowledgement at once. */
  readonly window: number
  /** Without any progress for so long it gives up. */
  readonly giveUpMs: number
}

/** MQTT 5 reason codes from here on are errors (MQTT 5, 2.4). */
const REASON_CODE_ERROR_MIN = 0x80
const BACKOFF = { minMs: 250, maxMs: 5_000 }

/**
 * Publishes as a careful device does: it keeps every message until the broker has acknowledged it, and after a lost
 * connection sends again, in order, what has no acknowledgement. A message may so arrive twice, but none is left out.
 */
export class Publisher {
  acknowledged = 0
  /** Answered with an MQTT 5 error code: the broker does not want them, and they are not sent again. */
  refused = 0
  reconnects = 0
  readonly #options: PublisherOptions
  readonly #ended = new AbortController()
  readonly #inFlight = new Set<Message>()
  /** Waiting for a connection, or for room in the broker's Receive Maximum. */
  #pending: Message[] = []
  #link: Link | undefined
  #trouble: unknown
  #progressAt = 0
  #wake: (() => void) | undefined

  /** Connects. Throws an OperatorError (exit 69) when the broker cannot be reached or refuses. */
  static async open(options: PublisherOptions): Promise<Publisher> {
    try {
      return new Publisher(options, await openLink(options.link))
    } catch (cause) {
      throw new OperatorError(`cannot connect: ${messageOf(cause)}`, {
        remedy: 'start the edge, and check the address given with --url',
        exitCode: Exit.UNAVAILABLE,
        cause,
      })
    }
  }

  private constructor(options: PublisherOptions, link: Link) {
    this.#options = options
    void this.#keepLink(link)
  }

  /** Messages without an answer. */
  get open(): number {
    return this.#inFlight.size + this.#pending.length
  }

  /** Takes a message. What it returns, if anything, is to be awaited before the next one: the window is full. */
  send(message: Message): Promise<void> | undefined {
    if (this.open === 0) this.#progressAt = performance.now()
    this.#pending.push(message)
    this.#transmit()
    return this.open < this.#options.window ? undefined : this.#untilFewer(this.#options.window)
  }

  /** Resolves when every message has its answer. Throws an OperatorError (exit 69) when none comes for `giveUpMs`. */
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
        () => {}, // The link has ended; the next one sends the message again.
      )
    }
  }

  #settle(message: Message, reasonCode: number): void {
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

  /** Tries until a connection stands, or until nobody wants it any more. */
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
      `gave up: no answer for ${giveUpMs / 1000} s${trouble}; ${this.acknowledged} messages are acknowledged, ${this.open} are not`,
      { remedy: 'see whether the edge runs and is healthy, with `tidegate status`', exitCode: Exit.UNAVAILABLE },
    )
  }
}
