/** Batches that may wait in queues of the way, estimated: below the first the pace grows, above the second it falls. */
const QUEUED_MIN = 2
const QUEUED_MAX = 4
/** So many in queues, and the way has become slower by itself: the pace is halved, once for what was on its way then. */
const QUEUED_FAR_TOO_MANY = 8
/**
 * The quickest answer is looked for among those of so long (ms): a way may become longer for good. At its end the queues
 * are let run empty once, or else what always waits in them would count as part of the way, and grow.
 */
const BASE_MS = 30_000

/** What is known of one batch when its answer comes. Times are monotonic milliseconds. */
export interface Answered {
  readonly sentAt: number
  readonly answeredAt: number
  /** Batches of its lane that were on their way when it left, itself included. */
  readonly inFlight: number
}

/**
 * How many batches of a lane may be on their way. An answer that takes longer than the quickest one has waited in some
 * queue; of the batches on their way that share is queued, and does nothing but make everything behind it late (the
 * reasoning of TCP Vegas, Brakmo and Peterson 1995). So the pace finds what the way carries, short or long, and leaves
 * the queues short enough for a fresh reading to come through beside a backlog.
 *
 * It begins with one batch, so that a far side that is away is not asked with a whole window again and again, and
 * doubles with the answers until the first queue shows.
 */
export class Pace {
  #size = 1
  #starting = true
  /** Answers to what left before then say nothing new about a pace that was halved. */
  #halvedAt = Number.NEGATIVE_INFINITY
  /** The quickest answer of this stretch of time and of the one before (ms). */
  #quickest = { since: Number.NEGATIVE_INFINITY, now: Infinity, before: Infinity }
  readonly #limit: number

  /** @param limit batches on their way at most, at least 1 */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  /** Batches that may be on their way now, 1 … limit. */
  get size(): number {
    return Math.floor(this.#size)
  }

  answered({ sentAt, answeredAt, inFlight }: Answered): void {
    const tookMs = Math.max(answeredAt - sentAt, Number.EPSILON)
    const queued = inFlight * (1 - this.#observe(tookMs, answeredAt) / tookMs)
    if (queued >= QUEUED_MIN) this.#starting = false
    if (queued > QUEUED_FAR_TOO_MANY) this.#halve(sentAt, answeredAt)
    else if (queued > QUEUED_MAX) this.#resize(this.#size - 1 / this.#size)
    else if (queued < QUEUED_MIN && inFlight >= this.size)
      this.#resize(this.#size + (this.#starting ? 1 : 1 / this.#size))
  }

  /** @returns the quickest answer of late. */
  #observe(tookMs: number, now: number): number {
    const quickest = this.#quickest
    if (now - quickest.since >= BASE_MS) {
      this.#quickest = { since: now, now: tookMs, before: quickest.now }
      this.#resize(this.#size - QUEUED_FAR_TOO_MANY)
      this.#starting = true
    } else quickest.now = Math.min(quickest.now, tookMs)
    return Math.min(this.#quickest.now, this.#quickest.before)
  }

  #halve(sentAt: number, now: number): void {
    if (sentAt < this.#halvedAt) return
    this.#halvedAt = now
    this.#resize(this.#size / 2)
  }

  #resize(size: number): void {
    this.#size = Math.min(this.#limit, Math.max(1, size))
  }
}
