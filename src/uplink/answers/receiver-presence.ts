import {
  decodeReceiverStatus,
  RECEIVERS_ELSEWHERE,
  type ReceiverStatus,
  receiverPrefix,
  receiverStatusTopic,
} from '../../codec/receiver-status.ts'
import type { Link } from '../../link/link.ts'

/** Prefixes of receivers elsewhere that are kept, at most. */
const ELSEWHERE_MAX = 3
/** Connections in a row that end before the broker has answered the subscription: it closes them for it. */
const LOST_MAX = 2

/**
 * Follows the retained status of the receivers of this prefix. Readings do not depend on it: an older receiver sends none,
 * and a broker may refuse it.
 */
export class ReceiverPresence {
  readonly #prefix: string
  readonly #topic: string
  readonly #onBack: (status: ReceiverStatus) => void
  #enabled: boolean
  #lost = 0
  #status: ReceiverStatus | undefined
  #searched = false
  readonly #elsewhere = new Set<string>()

  /** @param options `onBack`: a receiver has come, or says that it is still there */
  constructor(
    prefix: string,
    { enabled, onBack }: { readonly enabled: boolean; readonly onBack: (status: ReceiverStatus) => void },
  ) {
    this.#prefix = prefix
    this.#topic = receiverStatusTopic(prefix)
    this.#enabled = enabled
    this.#onBack = onBack
  }

  /** The latest status of this connection; undefined: there is none. */
  get status(): ReceiverStatus | undefined {
    return this.#status
  }

  /** Other prefixes under which a receiver is online. */
  get elsewhere(): readonly string[] {
    return [...this.#elsewhere]
  }

  /** A connection begins. Nothing waits for the subscription. */
  subscribe(link: Link): void {
    this.#status = undefined
    this.#searched = false
    this.#elsewhere.clear()
    if (!this.#enabled) return
    this.#lost++
    const answered = (): void => {
      this.#lost = 0
    }
    link.subscribe(this.#topic, 0).then(answered, (failure: unknown) => {
      if (failure instanceof Error && 'kind' in failure && failure.kind === 'refused') answered()
      else if (this.#lost >= LOST_MAX) this.#enabled = false
    })
  }

  /** No receiver answers, and none is known: searches for one under other prefixes, once in a connection. */
  search(link: Link): void {
    if (!this.#enabled || this.#searched || this.#status !== undefined) return
    this.#searched = true
    for (const filter of RECEIVERS_ELSEWHERE) link.subscribe(filter, 0).catch(() => undefined)
  }

  /** @returns whether the message was a status of receivers */
  take(topic: string, payload: Uint8Array, { retained }: { readonly retained: boolean }): boolean {
    const prefix = receiverPrefix(topic)
    if (prefix === undefined) return false
    const status = decodeReceiverStatus(payload)
    if (status === undefined) return true
    if (prefix !== this.#prefix) this.#takeElsewhere(prefix, status)
    else {
      this.#status = status
      if (status.state === 'online' && !retained) this.#onBack(status)
    }
    return true
  }

  #takeElsewhere(prefix: string, { state }: ReceiverStatus): void {
    if (state === 'offline') this.#elsewhere.delete(prefix)
    else if (this.#elsewhere.size < ELSEWHERE_MAX) this.#elsewhere.add(prefix)
  }
}
