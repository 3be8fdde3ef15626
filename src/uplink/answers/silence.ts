import type { ReceiverStatus } from '../../codec/receiver-status.ts'
import { receiverStatusTopic } from '../../codec/receiver-status.ts'

/**
 * What became of the last message that no receiver answered. `unheard`: the broker has no subscriber for it. `denied`: the
 * broker does not allow its topic. `taken`: the broker accepted it.
 */
export type Outcome = 'unheard' | 'denied' | 'taken'

/** What is known of a receiver that does not answer. */
export interface SilenceFacts {
  readonly edge: string
  readonly prefix: string
  readonly confirm: 'receipt' | 'puback'
  readonly outcome: Outcome
  /** The topic of the message. */
  readonly topic: string
  /** The retained status of the receivers; undefined: there is none. */
  readonly status: ReceiverStatus | undefined
  /** Other prefixes of this broker under which a receiver is online. */
  readonly elsewhere: readonly string[]
}

/** Why no receiver answers, as text that says what to check. Pure. */
export function whySilent(facts: SilenceFacts): string {
  const { edge, prefix, confirm, outcome, topic, status, elsewhere } = facts
  if (outcome === 'denied') {
    return `the cloud broker does not allow this edge to publish ${topic} (not authorized): allow it in the access rules of the broker`
  }
  if (confirm === 'puback') {
    return `the cloud broker has no subscriber for ${topic}: start the program that reads the readings, or check its topics`
  }
  if (status?.state === 'online') {
    const there = `the receiver ${status.receiver} is connected`
    return outcome === 'unheard'
      ? `${there}, but the broker has no subscriber for ${topic}: allow the receiver to subscribe to ${prefix}/+/up/#`
      : `${there}, but no receipt arrives at ${prefix}/${edge}/down/receipt. Brokers drop what their access rules forbid, ` +
          `often without an answer: allow this edge to publish ${topic} and to read ${prefix}/${edge}/down/#, and the ` +
          `receiver to read ${prefix}/+/up/# and to publish ${prefix}/+/down/#; check the log of the receiver`
  }
  if (elsewhere.length > 0) {
    return (
      `no receiver is connected with the prefix ${prefix}, but one with ${elsewhere.join(' and ')}: ` +
      'set `prefix` of this uplink and `cloud.prefix` of the receiver to the same value'
    )
  }
  if (status !== undefined) {
    return `the receiver ${status.receiver} is not connected to the cloud broker: check that it runs, and its log`
  }
  const check = `check that \`tidegate receive\` runs, uses the same broker, and has \`cloud.prefix\` ${prefix}`
  return outcome === 'unheard'
    ? `no receiver is subscribed to ${prefix}/+/up/#: ${check}`
    : `the cloud broker accepts readings, but no receiver answers: ${check}; check that the access rules of the broker allow ` +
        `this edge to publish ${prefix}/${edge}/up/# and to read ${prefix}/${edge}/down/# and ${receiverStatusTopic(prefix)}`
}

/** Remembers since when messages get no answer of a receiver, and what became of the last one. */
export class Silence {
  #since: number | undefined
  #last: { readonly outcome: Outcome; readonly topic: string } | undefined

  /** What became of the last message; undefined: the receiver answers, or nothing is known yet. */
  get last(): { readonly outcome: Outcome; readonly topic: string } | undefined {
    return this.#last
  }

  /** Milliseconds since the first message without an answer was sent; undefined: none waits for an answer. */
  ms(now: number): number | undefined {
    return this.#since === undefined ? undefined : now - this.#since
  }

  /** A message was sent. @param now monotonic ms */
  sent(now: number): void {
    this.#since ??= now
  }

  /** The cloud broker has answered a message. */
  taken(outcome: Outcome, topic: string): void {
    this.#last = { outcome, topic }
  }

  /** The receiver answers. */
  heard(): void {
    this.#since = undefined
    this.#last = undefined
  }

  /** A connection begins. What the broker did not answer either says nothing about the receiver. */
  begin(): void {
    if (this.#last === undefined) this.#since = undefined
  }
}
