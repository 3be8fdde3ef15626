import type { Part } from '../../base/lifecycle.ts'
import type { Log } from '../../base/log.ts'
import { WakeableWait } from '../wakeable-wait.ts'

/** How often to check for subscribers while messages wait, and for messages whose time is over (ms). */
const CHECK_EVERY_MS = 250
/** Pause after a failure of the store (ms). */
const FAILED_MS = 1_000
/** Messages that wait for their acknowledgement, at most; one without an answer after this time (ms) no longer counts. */
const IN_FLIGHT_MAX = 64
const ANSWER_MS = 10_000
/** Topics that are checked for subscribers in one turn of the event loop. */
const TOPICS_PER_TURN = 500

/** A waiting message. */
export interface WaitingMessage {
  readonly id: number
  readonly topic: string
  readonly retain: boolean
}

/** The queue on the disk. */
export interface DownStore {
  /** Removes delivered messages; replies with new ones after `after`, and with those that were removed otherwise. */
  turn(given: { after: number; delivered: readonly number[] }): Promise<{
    readonly heads: readonly WaitingMessage[]
    readonly gone: readonly number[]
  }>
  payload(id: number): Promise<Uint8Array | undefined>
}

/** The local broker. */
export interface LocalBroker {
  /** Whether a connected client subscribes to this topic. */
  hasSubscriber(topic: string): boolean
  /** `isOpen` becomes false when no subscriber that got the message can acknowledge it any more. */
  deliver(
    message: { topic: string; payload: Buffer; retain: boolean },
    onAcknowledged: () => void,
  ): { readonly isOpen: boolean }
}

interface Attempt {
  readonly delivery: { readonly isOpen: boolean }
  readonly startedAt: number
}

/** The messages of one topic, in order of arrival. The first one may be under way. */
interface Queue {
  readonly messages: WaitingMessage[]
  attempt: Attempt | 'reading' | undefined
}

/**
 * Publishes stored messages to local clients: in order for each topic, the next one when a client has acknowledged the
 * one before. A message without a connected subscriber stays on the disk and waits for one; other topics do not wait.
 * A message is removed from the disk after its first acknowledgement.
 */
export class DownDelivering implements Part {
  readonly name = 'delivery of messages from the cloud'
  readonly #store: DownStore
  readonly #broker: LocalBroker
  readonly #log: Log
  readonly #wait = new WakeableWait()
  readonly #queues = new Map<string, Queue>()
  readonly #running: Promise<void>
  #delivered: number[] = []
  #lastId = 0
  #checkedAt = -Infinity
  #mayHaveNew = true
  #stopped = false

  private constructor(store: DownStore, { broker, log }: { broker: LocalBroker; log: Log }) {
    this.#store = store
    this.#broker = broker
    this.#log = log
    this.#running = this.#run()
  }

  static start(store: DownStore, options: { broker: LocalBroker; log: Log }): DownDelivering {
    return new DownDelivering(store, options)
  }

  /** Messages were stored, or removed by an order. */
  notify(): void {
    this.#mayHaveNew = true
    this.#wait.wake()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const { mark } = this.#wait
      let sleepMs = CHECK_EVERY_MS
      try {
        await this.#turn()
        await this.#start()
      } catch (failure) {
        this.#log.error({ err: failure }, 'messages from the cloud cannot be delivered now')
        sleepMs = FAILED_MS
      }
      const isIdle = this.#queues.size === 0 && this.#delivered.length === 0 && !this.#mayHaveNew
      await this.#wait.sleep(isIdle ? Infinity : sleepMs, mark)
    }
  }

  /** Asks the store, if there is something to report or to learn. */
  async #turn(): Promise<void> {
    const now = performance.now()
    const isDue = this.#queues.size > 0 && now - this.#checkedAt >= CHECK_EVERY_MS
    if (this.#delivered.length === 0 && !this.#mayHaveNew && !isDue) return
    this.#checkedAt = now
    this.#mayHaveNew = false
    const delivered = this.#delivered
    this.#delivered = []
    try {
      const { heads, gone } = await this.#store.turn({ after: this.#lastId, delivered })
      for (const head of heads) this.#add(head)
      if (heads.length > 0) this.notify()
      if (gone.length > 0) this.#drop(new Set(gone))
    } catch (failure) {
      this.#delivered = [...delivered, ...this.#delivered]
      this.#mayHaveNew = true
      throw failure
    }
  }

  #add(head: WaitingMessage): void {
    this.#lastId = head.id
    const queue = this.#queues.get(head.topic)
    if (queue === undefined) this.#queues.set(head.topic, { messages: [head], attempt: undefined })
    else queue.messages.push(head)
  }

  #drop(gone: ReadonlySet<number>): void {
    for (const [topic, queue] of this.#queues) {
      if (!queue.messages.some(({ id }) => gone.has(id))) continue
      const [first] = queue.messages
      if (first !== undefined && gone.has(first.id)) queue.attempt = undefined
      queue.messages.splice(0, Infinity, ...queue.messages.filter(({ id }) => !gone.has(id)))
      if (queue.messages.length === 0) this.#queues.delete(topic)
    }
  }

  /** Publishes the first message of each topic that has a subscriber. */
  async #start(): Promise<void> {
    let checked = 0
    let inFlight = this.#countInFlight()
    for (const [topic, queue] of this.#queues) {
      if (this.#stopped || inFlight >= IN_FLIGHT_MAX) return
      if (++checked % TOPICS_PER_TURN === 0) await new Promise(setImmediate)
      if (queue.attempt !== undefined && (queue.attempt === 'reading' || queue.attempt.delivery.isOpen)) continue
      queue.attempt = undefined
      if (this.#begin(topic, queue)) inFlight++
    }
  }

  /** Publishes the first message of a topic. @returns false: the topic has no subscriber */
  #begin(topic: string, queue: Queue): boolean {
    if (!this.#broker.hasSubscriber(topic)) return false
    queue.attempt = 'reading'
    void this.#publish(topic, queue)
    return true
  }

  #countInFlight(): number {
    const since = performance.now() - ANSWER_MS
    let count = 0
    for (const { attempt } of this.#queues.values()) {
      if (attempt === 'reading' || (attempt !== undefined && attempt.startedAt > since)) count++
    }
    return count
  }

  async #publish(topic: string, queue: Queue): Promise<void> {
    const message = queue.messages[0]!
    try {
      const payload = await this.#store.payload(message.id)
      if (queue.messages[0] !== message || this.#stopped) return
      queue.attempt = undefined
      if (payload === undefined) return this.#done(topic, queue, message)
      const { buffer, byteOffset, byteLength } = payload
      const bytes = Buffer.from(buffer, byteOffset, byteLength)
      let isDone = false
      const delivery = this.#broker.deliver({ topic, payload: bytes, retain: message.retain }, () => {
        isDone = true
        this.#done(topic, queue, message)
      })
      if (!isDone) queue.attempt = { delivery, startedAt: performance.now() }
    } catch (failure) {
      if (queue.messages[0] === message) queue.attempt = undefined
      this.#log.warn({ err: failure }, 'a message from the cloud cannot be read from the store')
    }
  }

  /** A client has the message. Other acknowledgements of the same message change nothing. */
  #done(topic: string, queue: Queue, message: WaitingMessage): void {
    if (queue.messages[0] !== message) return
    queue.messages.shift()
    queue.attempt = undefined
    // At the end, so that a topic with many messages does not take every place.
    this.#queues.delete(topic)
    if (queue.messages.length > 0) this.#queues.set(topic, queue)
    // The next one does not wait until the removal of this one is on the disk, unless other topics wait for a place.
    if (!this.#stopped && queue.messages.length > 0 && this.#queues.size <= IN_FLIGHT_MAX) this.#begin(topic, queue)
    this.#delivered.push(message.id)
    this.#wait.wake()
  }

  /** Ends the deliveries; what was acknowledged is removed from the disk. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wait.wake()
    await this.#running
    if (this.#delivered.length > 0) await this.#store.turn({ after: this.#lastId, delivered: this.#delivered })
  }
}
