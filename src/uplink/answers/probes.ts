/** Size of a message while no receiver answers (bytes). A single reading may be larger. */
export const PROBE_BYTES = 1_024
/** Bytes of a message on the wire in addition to its payload, with its answer. */
const OVERHEAD_BYTES = 128
/** What probes may cost without an answer (bytes): at first, and per hour. */
export const PROBE_BYTES_FIRST = 12_288
export const PROBE_BYTES_PER_HOUR = 25_000
/** Of this, a part is for the moments in which an answer is likely: a new connection, a receiver that is back. */
const RESERVE_BYTES = 4_096
/** The debt after a reading that is much larger than a probe, at most. */
const DEBT_BYTES_MAX = 8_192
/** The pause between probes doubles from the first value to the second (ms). */
const PAUSE_MS_MIN = 1_000
const PAUSE_MS_MAX = 120_000
/** When a receiver is back, its edges send within this time (ms), not all in the same moment. */
export const SPREAD_MS = 1_500
/** A receiver that says that it is back gets a message whatever the others have cost, at most one in this time (ms). */
export const FREE_EVERY_MS = 10_000
const HOUR_MS = 3_600_000

/**
 * When the next message may be sent to a receiver that does not answer. Keeps count over all connections of an uplink.
 * Pure accounting: it reads no clock. Times are monotonic milliseconds.
 */
export class Probes {
  readonly #random: () => number
  #tokens = PROBE_BYTES_FIRST
  #filledAt = 0
  #notBefore = 0
  #isLikely = true
  #unanswered = 0
  /** When the message for a receiver that is back may leave; Infinity: there is none. */
  #freeAt = Infinity
  #lastFreeAt = Number.NEGATIVE_INFINITY
  #isFree = false

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random
  }

  /** A new connection: an answer is likely. */
  begin(): void {
    this.#isLikely = true
    this.#notBefore = 0
  }

  /** A receiver says that it is back. */
  back(now: number): void {
    this.#isLikely = true
    this.#unanswered = 0
    const freeAt = Math.max(now + this.#random() * SPREAD_MS, this.#lastFreeAt + FREE_EVERY_MS)
    this.#freeAt = Math.min(this.#freeAt, freeAt)
  }

  /** A message leaves. */
  sent(now: number): void {
    this.#isFree = now >= this.#freeAt
    if (!this.#isFree) return
    this.#lastFreeAt = now
    this.#freeAt = Infinity
  }

  /** How long to wait for answers that are on their way after a receiver came back (ms), at random. */
  graceMs(): number {
    return SPREAD_MS * (0.5 + this.#random() / 2)
  }

  /** A message of this many bytes got no answer. */
  unanswered(bytes: number, now: number): void {
    this.#fill(now)
    if (!this.#isFree) this.#tokens = Math.max(-DEBT_BYTES_MAX, this.#tokens - bytes - OVERHEAD_BYTES)
    this.#isLikely = false
    const ceilingMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** this.#unanswered++)
    this.#notBefore = now + ceilingMs * (0.5 + this.#random() / 2)
  }

  /** The receiver answers. */
  answered(): void {
    this.#tokens = PROBE_BYTES_FIRST
    this.#unanswered = 0
    this.#notBefore = 0
  }

  /** Milliseconds until the next probe may leave; 0: now. */
  waitMs(now: number): number {
    this.#fill(now)
    const short = (this.#isLikely ? 1 : RESERVE_BYTES) - this.#tokens
    const forTokens = short > 0 ? Math.ceil((short / PROBE_BYTES_PER_HOUR) * HOUR_MS) : 0
    return Math.max(0, Math.min(this.#freeAt - now, Math.max(this.#notBefore - now, forTokens)))
  }

  #fill(now: number): void {
    const gained = ((now - this.#filledAt) / HOUR_MS) * PROBE_BYTES_PER_HOUR
    this.#tokens = Math.min(PROBE_BYTES_FIRST, this.#tokens + Math.max(0, gained))
    this.#filledAt = now
  }
}
