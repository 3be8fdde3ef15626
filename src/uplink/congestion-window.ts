import type { InFlightLane } from './in-flight.ts'

/**
 * Batches that may wait in the queues along the path, estimated; or this part of the batches in flight, if that is
 * more. Below `few` the window grows (quickly below `none`), above `many` it shrinks, and above `excess` the path
 * itself has become slower and the window is halved: a path that is full answers after twice the time.
 */
const QUEUED = {
  none: { batches: 1, part: 0.05 },
  few: { batches: 2, part: 0.1 },
  many: { batches: 4, part: 0.2 },
  excess: { batches: 8, part: 0.5 },
} as const
/**
 * The fastest answer is taken from a period of this length (milliseconds), because a path may become slower for good.
 * At its end the window shrinks once so that the queues run empty; otherwise a permanent queue would count as part of
 * the path, and grow.
 */
const BASE_MS = 30_000

/** What is known of one batch when its answer comes. Times are monotonic milliseconds. */
export interface Answered {
  readonly sentAt: number
  readonly answeredAt: number
  /** Batches of its lane that were in flight when it left, including itself. */
  readonly inFlight: number
}

/**
 * How many batches of a lane may be in flight. An answer that takes longer than the fastest one has waited in some
 * queue; that share of the batches in flight is queued, and only delays everything behind it (the reasoning of TCP
 * Vegas, Brakmo and Peterson 1995). So the window finds how much the path carries, short or long, and keeps the
 * queues short enough for a new reading to pass with a backlog in flight.
 *
 * It begins with one batch, so that a receiver that is away does not get a whole window again and again, and doubles
 * with the answers until the first queue appears.
 */
export class CongestionWindow {
  #size = 1
  #starting = true
  /** Answers to batches that left before this time say nothing new about a window that was halved. */
  #halvedAt = Number.NEGATIVE_INFINITY
  /** The fastest answer of this period and of the one before (milliseconds). */
  #quickest = { since: Number.NEGATIVE_INFINITY, now: Infinity, before: Infinity }
  readonly #limit: number

  /** @param limit batches in flight at most, at least 1 */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  /** Batches that may be in flight now, 1 … limit. */
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
      this.#resize(this.#size + step) // one round of answers doubles the window, adds a quarter, or adds one
    }
  }

  /** @returns the fastest answer of this period and the one before, in milliseconds */
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

/** Each lane has a window of its own, because the lanes see different queues. */
export function windowPerLane(limit: number): Record<InFlightLane, CongestionWindow> {
  return {
    live: new CongestionWindow(limit),
    backfill: new CongestionWindow(limit),
    forward: new CongestionWindow(limit),
  }
}
