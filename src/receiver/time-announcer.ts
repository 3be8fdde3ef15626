import type { Clock } from '../base/clock.ts'

/** An edge gets the time at most this often (ms). */
const EVERY_MS = 60_000
/** With more edges, all of them get the time again with their next message. */
const EDGES_MAX = 10_000

/** Sends a message with QoS 0: a time that arrives late is worse than none. */
export type SendTime = (topic: string, payload: Uint8Array) => void

export function timeTopic(prefix: string, edge: string): string {
  return `${prefix}/${edge}/down/time`
}

/**
 * Sends the time of the receiver to edges that are heard from, as decimal text (UTC ms): a second clock, for edges whose
 * own clock may be wrong.
 */
export class TimeAnnouncer {
  readonly #clock: Clock
  readonly #prefix: string
  readonly #send: SendTime
  /** When each edge got the time (monotonic ms). */
  readonly #sentAt = new Map<string, number>()

  constructor(clock: Clock, prefix: string, send: SendTime) {
    this.#clock = clock
    this.#prefix = prefix
    this.#send = send
  }

  heardFrom(edge: string): void {
    const now = performance.now()
    if (now - (this.#sentAt.get(edge) ?? -Infinity) < EVERY_MS) return
    if (this.#sentAt.size >= EDGES_MAX) this.#sentAt.clear()
    this.#sentAt.set(edge, now)
    this.#send(timeTopic(this.#prefix, edge), Buffer.from(String(this.#clock.now())))
  }
}
