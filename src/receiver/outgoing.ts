import type { Link } from '../link/link.ts'

/**
 * Messages to edges over one link, at most as many in flight as the broker accepts unacknowledged: a broker
 * disconnects clients that exceed its limit. Losing messages with the link is harmless: they are sent again.
 */
export class OutgoingQueue {
  readonly #link: Pick<Link, 'publish' | 'receiveMaximum'>
  readonly #onRefused: (topic: string, reasonCode: number) => void
  #inFlight = 0
  readonly #waiting: (() => void)[] = []

  constructor(
    link: Pick<Link, 'publish' | 'receiveMaximum'>,
    onRefused: (topic: string, reasonCode: number) => void = () => {},
  ) {
    this.#link = link
    this.#onRefused = onRefused
  }

  /** Resolves when the message is in flight; never rejects. */
  async send(topic: string, payload: Uint8Array): Promise<void> {
    await this.#acquire()
    void this.#publish(topic, payload)
  }

  /** Resolves with the broker's reason code. @throws LinkError when the link ends first */
  async publish(topic: string, payload: Uint8Array, { retain }: { readonly retain: boolean }): Promise<number> {
    await this.#acquire()
    try {
      return (await this.#link.publish(topic, payload, { qos: 1, retain })).reasonCode
    } finally {
      this.#release()
    }
  }

  async #publish(topic: string, payload: Uint8Array): Promise<void> {
    try {
      const { reasonCode } = await this.#link.publish(topic, payload, { qos: 1 })
      if (reasonCode >= 0x80) this.#onRefused(topic, reasonCode)
    } catch {
      // The link is lost.
    }
    this.#release()
  }

  async #acquire(): Promise<void> {
    if (this.#inFlight >= this.#link.receiveMaximum) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#inFlight++
  }

  #release(): void {
    // The first that waits takes the slot over, so that a later message never overtakes it.
    const next = this.#waiting.shift()
    if (next === undefined) this.#inFlight--
    else next()
  }
}
