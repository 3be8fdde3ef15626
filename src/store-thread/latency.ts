/** The window that a summary covers (ms), in slices that expire one by one. */
const SLICE_MS = 10_000
const SLICES = 6
/** Buckets per doubling: a quantile is exact within a fifth. The last bucket begins after 17 minutes. */
const PER_DOUBLING = 4
const BUCKETS = 81

/** Durations of about the last minute (ms). */
export interface LatencySummary {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Number of durations above the bound. */
  readonly slow: number
  /** The bound above which a duration counts as slow (ms). */
  readonly slowMs: number
}

interface Slice {
  /** Number of the slice since time 0. */
  readonly at: number
  readonly counts: Uint32Array
  maxMs: number
  slow: number
}

/** Measures durations in a fixed amount of memory. Times are monotonic milliseconds. */
export class LatencyMeter {
  readonly #slowMs: number
  #slices: Slice[] = []

  constructor(slowMs: number) {
    this.#slowMs = slowMs
  }

  note(ms: number, now: number): void {
    const slice = this.#current(now)
    slice.counts[bucketOf(ms)]!++
    slice.maxMs = Math.max(slice.maxMs, ms)
    if (ms > this.#slowMs) slice.slow++
  }

  summary(now: number): LatencySummary {
    this.#expire(Math.floor(now / SLICE_MS))
    const counts = new Uint32Array(BUCKETS)
    let [maxMs, slow, count] = [0, 0, 0]
    for (const slice of this.#slices) {
      for (let i = 0; i < BUCKETS; i++) {
        counts[i]! += slice.counts[i]!
        count += slice.counts[i]!
      }
      maxMs = Math.max(maxMs, slice.maxMs)
      slow += slice.slow
    }
    const quantile = (share: number): number => Math.min(quantileOf(counts, share * count), maxMs)
    const [p50Ms, p99Ms, max] = [quantile(0.5), quantile(0.99), maxMs].map(Math.round) as [number, number, number]
    return { count, p50Ms, p99Ms, maxMs: max, slow, slowMs: this.#slowMs }
  }

  #current(now: number): Slice {
    const at = Math.floor(now / SLICE_MS)
    const newest = this.#slices.at(-1)
    if (newest?.at === at) return newest
    this.#expire(at)
    const slice: Slice = { at, counts: new Uint32Array(BUCKETS), maxMs: 0, slow: 0 }
    this.#slices.push(slice)
    return slice
  }

  #expire(at: number): void {
    this.#slices = this.#slices.filter((slice) => slice.at > at - SLICES)
  }
}

function bucketOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(BUCKETS - 1, Math.ceil(PER_DOUBLING * Math.log2(ms)))
}

/** The upper bound (ms) of the bucket that contains the duration of this rank. */
function quantileOf(counts: Uint32Array, rank: number): number {
  let below = 0
  for (let i = 0; i < BUCKETS; i++) {
    below += counts[i]!
    if (below >= rank && below > 0) return 2 ** (i / PER_DOUBLING)
  }
  return 0
}
