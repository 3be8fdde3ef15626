import type { InFlightLane } from './in-flight.ts'

/**
 * Batches that may wait in the queues of the way, estimated; or this part of those on their way, where that is more. With
 * fewer than `few` the pace grows (quickly with hardly any), with more than `many` it falls, and with more than `far too many`
 * the way has become slower by itself, and the pace is halved: a way that is full answers twice as late.
 */
const QUEUED = {
  none: { batches: 1, part: 0.05 },
  few: { batches: 2, part: 0.1 },
  many: { batches: 4, part: 0.2 },
  excess: { batches: 8, part: 0.5 },
} as const
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
export class CongestionWindow {
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
    const isBelow = ({ batches, part }: { batches: number; part: number }): boolean =>
      queued < Math.max(batches, part * inFlight)
    if (!isBelow(QUEUED.many)) this.#starting = false
    if (!isBelow(QUEUED.excess)) this.#halve(sentAt, answeredAt)
    else if (!isBelow(QUEUED.many)) this.#resize(this.#size - 1 / this.#size)
    else if (isBelow(QUEUED.few) && inFlight * 2 >= this.size) {
      const step = this.#starting ? 1 : isBelow(QUEUED.none) ? 1 / 4 : 1 / this.#size
      this.#resize(this.#size + step) // a round of answers doubles the pace, adds a quarter, or adds one
    }
  }

  /** @returns the quickest answer of late. */
  #observe(tookMs: number, now: number): number {
    const quickest = this.#quickest
    if (now - quickest.since >= BASE_MS) {
      this.#quickest = { since: now, now: tookMs, before: quickest.now }
      this.#resize(this.#size - QUEUED.excess.batches)
      this.#starting = this.#size <= QUEUED.excess.batches
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

/** Each lane has a window of its own: the lanes see different queues. */
export function windowPerLane(limit: number): Record<InFlightLane, CongestionWindow> {
  return {
    live: new CongestionWindow(limit),
    backfill: new CongestionWindow(limit),
    forward: new CongestionWindow(limit),
  }
}
