import type { Link } from '../../link/link.ts'

/** UTC milliseconds as decimal text. */
const TIME = /^\d{1,15}$/

/** Takes the time that the receiver sends: a second clock, for an edge whose own clock may be wrong. */
export class ReceiverTime {
  readonly #topic: string
  readonly #onTime: (at: number) => void

  /** @param onTime called with the clock of the receiver, UTC ms */
  constructor(topic: string, onTime: (at: number) => void) {
    this.#topic = topic
    this.#onTime = onTime
  }

  /**
   * Readings do not depend on it: nothing waits for it, and a broker may refuse it. QoS 0, because a time that waits is
   * wrong.
   */
  subscribe(link: Link): void {
    link.subscribe(this.#topic, 0).catch(() => undefined)
  }

  /** @returns whether the message was a time */
  take(topic: string, payload: Uint8Array): boolean {
    if (topic !== this.#topic) return false
    const text = Buffer.from(payload).toString('latin1')
    if (TIME.test(text)) this.#onTime(Number(text))
    return true
  }
}
