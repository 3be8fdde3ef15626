import { pause } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { decodeReceiverStatus, encodeReceiverStatus, receiverStatusTopic } from '../codec/receiver-status.ts'
import { type Link, LinkError, type Will } from '../link/link.ts'

/** Another receiver that leaves is corrected at most this often (ms), after a random part of it. */
const CORRECT_MS = 1_000
/** Reason codes of a broker that does not allow something: MQTT 5, and CONNACK of MQTT 3.1.1. */
const NOT_AUTHORIZED: readonly (number | undefined)[] = [0x87, 0x05]
const FIRST_ERROR_CODE = 0x80
/** Connections in a row that end while the status is sent: the broker closes them for it. */
const LOST_MAX = 2

export interface PresenceOptions {
  readonly prefix: string
  readonly receiver: string
  /** False: this receiver says nothing of itself. */
  readonly enabled: boolean
  readonly log: Log
  readonly random: () => number
}

/**
 * The retained status of the receivers of a prefix, by which edges know whether one is there and notice at once when one
 * comes back. All of them share one topic: a receiver that is there corrects the "offline" of another one.
 * Readings do not depend on it: what the broker refuses is reported once, and goes on without.
 */
export class Presence {
  readonly #options: PresenceOptions
  readonly #topic: string
  #enabled: boolean
  #link: Link | undefined
  #correcting = false
  #lost = 0

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#topic = receiverStatusTopic(options.prefix)
    this.#enabled = options.enabled
  }

  /**
   * Opens a link with a will that says that this receiver is gone. Some brokers refuse a client for the topic of its
   * will: then it connects without, and says nothing of itself until the next start.
   */
  async open(open: (will: { readonly will?: Will }) => Promise<Link>): Promise<Link> {
    if (!this.#enabled) return open({})
    try {
      return await open({ will: { topic: this.#topic, payload: this.#payload('offline'), qos: 1, retain: true } })
    } catch (failure) {
      if (!(failure instanceof LinkError && NOT_AUTHORIZED.includes(failure.reasonCode))) throw failure
      const link = await open({})
      this.#refused(failure)
      return link
    }
  }

  /** The subscription to batches stands: tells the edges. Never rejects. */
  async begin(link: Link): Promise<void> {
    if (!this.#enabled) return
    try {
      // Its own message comes back to it, and the "offline" that another receiver has left.
      await link.subscribe(this.#topic, 1)
      const { reasonCode } = await link.publish(this.#topic, this.#payload('online', link.sessionPresent), RETAINED)
      if (reasonCode >= FIRST_ERROR_CODE) return this.#refused(undefined, reasonCode)
      this.#link = link
      this.#lost = 0
    } catch (failure) {
      const isRefusal = failure instanceof LinkError && failure.kind === 'refused'
      if (isRefusal || ++this.#lost >= LOST_MAX) this.#refused(failure)
    }
  }

  /** @returns whether the message was a status of receivers */
  take(topic: string, payload: Uint8Array): boolean {
    if (topic !== this.#topic) return false
    if (decodeReceiverStatus(payload)?.state !== 'online') void this.#correct()
    return true
  }

  async #correct(): Promise<void> {
    const link = this.#link
    if (link === undefined || this.#correcting) return
    this.#correcting = true
    await pause(CORRECT_MS * this.#options.random())
    this.#correcting = false
    if (link === this.#link) await link.publish(this.#topic, this.#payload('online', true), RETAINED).catch(() => {})
  }

  /** The link ends normally: tells the edges, for as long as the broker takes to answer, at most `ms`. */
  async leave(ms: number): Promise<void> {
    const link = this.#link
    this.end()
    if (link === undefined) return
    const left = new AbortController()
    const said = link.publish(this.#topic, this.#payload('offline'), RETAINED).catch(() => {})
    await Promise.race([said, pause(ms, left.signal)])
    left.abort()
  }

  /** The link has ended. */
  end(): void {
    this.#link = undefined
  }

  #payload(state: 'online' | 'offline', kept = false): Buffer {
    return encodeReceiverStatus({ state, receiver: this.#options.receiver, kept })
  }

  #refused(err: unknown, reasonCode?: number): void {
    this.#enabled = false
    const topic = this.#topic
    this.#options.log.warn(
      { err, reasonCode, topic },
      'the broker refuses the status of this receiver: edges notice later that it is back; allow its topic',
    )
  }
}

const RETAINED = { qos: 1, retain: true } as const
