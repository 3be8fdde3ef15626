import type { Link } from '../link/link.ts'

/**
 * Messages to edges over one link, never more at once than the broker takes unacknowledged: it ends the connection of
 * those who exceed it. What is lost with the link is no harm: it is said again.
 */
export class Outgoing {
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

  /** Resolves when the message is on its way; never rejects. */
  async send(topic: string, payload: Uint8Array): Promise<void> {
    await this.#place()
    void this.#publish(topic, payload)
  }

  /** Resolves with the broker's reason code. @throws LinkError when the link ends first */
  async publish(topic: string, payload: Uint8Array, { retain }: { readonly retain: boolean }): Promise<number> {
    await this.#place()
    try {
      return (await this.#link.publish(topic, payload, { qos: 1, retain })).reasonCode
    } finally {
      this.#leave()
    }
  }

  async #publish(topic: string, payload: Uint8Array): Promise<void> {
    try {
      const { reasonCode } = await this.#link.publish(topic, payload, { qos: 1 })
      if (reasonCode >= 0x80) this.#onRefused(topic, reasonCode)
    } catch {
      // The link is lost.
    }
    this.#leave()
  }

  async #place(): Promise<void> {
    if (this.#inFlight >= this.#link.receiveMaximum) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#inFlight++
  }

  #leave(): void {
    // Who waits takes the place over, so that nobody who comes later gets in between.
    const next = this.#waiting.shift()
    if (next === undefined) this.#inFlight--
    else next()
  }
}
