import { messageOf } from '../base/errors.ts'
import type { Link } from '../link/link.ts'
import type { InFlightMessage, InFlightMessages } from './in-flight.ts'
import type { Message, Outbox } from './outbox.ts'
import { meaningOf } from './reason-codes.ts'

/**
 * Bytes of an MQTT 5 PUBLISH without topic and payload: fixed header 5, topic length 2, packet identifier 2,
 * properties 1.
 */
const HEADER_BYTES_MAX = 10
/** A forwarded message has neither epoch nor run: its id is enough. */
const NAMELESS = { epoch: '', run: '' } as const

export interface ForwarderDependencies {
  readonly link: Link
  readonly outbox: Pick<Outbox, 'confirmMessages' | 'refuseMessage'>
  readonly inFlight: InFlightMessages
  /** Called for each message that the broker has, when that is on the disk. */
  onConfirmed(sent: InFlightMessage): void
  onRefused(reason: string): void
  /** Something is answered: more may leave. */
  onAnswered(): void
  /** The link can no longer be used. */
  onTrouble(reason: string, cause?: unknown): void
}

/**
 * Publishes messages of forward routes unchanged, with QoS 1, and marks them by the broker's PUBACK: no receiver
 * confirms them. "No matching subscribers" counts as success too: the broker has the message and keeps it if it is
 * retained, which is all that a bridge does.
 */
export class Forwarder {
  readonly #deps: ForwarderDependencies
  /** Answered by the broker, and not marked on the disk yet. */
  #answered: InFlightMessage[] = []
  #marking = false

  constructor(dependencies: ForwarderDependencies) {
    this.#deps = dependencies
  }

  /** Resolves when the message is in flight, or refused for its size. */
  async send({ id, topic, bytes, retain }: Message): Promise<void> {
    const { link, inFlight } = this.#deps
    const sent = inFlight.open({
      kind: 'message',
      lane: 'forward',
      ...NAMELESS,
      bytes: bytes.length,
      sentAt: performance.now(),
      range: { first: id, last: id },
    })
    const packetBytes = HEADER_BYTES_MAX + Buffer.byteLength(topic) + bytes.length
    if (packetBytes > link.packetBytesMax) {
      const reason = `a packet of ${packetBytes} bytes is more than the broker accepts (${link.packetBytesMax})`
      return this.#refused(sent, reason, true)
    }
    link.publish(topic, bytes, { qos: 1, retain }).then(
      ({ reasonCode }) => this.#taken(sent, reasonCode),
      (failure: unknown) => this.#deps.onTrouble(messageOf(failure), failure),
    )
  }

  #taken(sent: InFlightMessage, reasonCode: number): void {
    const meaning = meaningOf(reasonCode, { keepsLatest: true })
    const reason = `the broker refused it with reason 0x${reasonCode.toString(16)}`
    if (meaning === 'trouble') return this.#deps.onTrouble(reason)
    if (meaning === 'refused') return void this.#refused(sent, reason, false)
    this.#answered.push(sent)
    if (!this.#marking) void this.#mark()
  }

  /** One commit for everything that was answered during the previous commit. */
  async #mark(): Promise<void> {
    const { outbox, inFlight, onConfirmed, onAnswered, onTrouble } = this.#deps
    this.#marking = true
    try {
      while (this.#answered.length > 0) {
        const marked = this.#answered
        this.#answered = []
        await outbox.confirmMessages(marked.map(({ range }) => range.first))
        for (const sent of marked) if (inFlight.close(sent)) onConfirmed(sent)
        onAnswered()
      }
    } catch (failure) {
      onTrouble(`cannot store a confirmation: ${messageOf(failure)}`, failure)
    } finally {
      this.#marking = false
    }
  }

  async #refused(sent: InFlightMessage, reason: string, certain: boolean): Promise<void> {
    const { outbox, inFlight, onRefused, onAnswered, onTrouble } = this.#deps
    if (!inFlight.close(sent)) return
    try {
      onRefused(reason)
      const heldMs = await outbox.refuseMessage({ id: sent.range.first, reason, certain })
      if (heldMs > 0) setTimeout(onAnswered, heldMs).unref()
      onAnswered()
    } catch (failure) {
      onTrouble(`cannot store a refusal: ${messageOf(failure)}`, failure)
    }
  }
}
