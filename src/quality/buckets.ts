/**
 * Resolution of a window: buckets are only kept or dropped as a whole, so a window may reach back further than its
 * length, by at most a fifteenth of it.
 */
export const BUCKETS_MAX = 16

/** Cells of a bucket: the time of its first reading (UTC ms), the number of readings, and two cells for the check. */
export const FIRST = 0
export const COUNT = 1
export const LOW = 2
export const HIGH = 3
export const MEAN = 2
export const SQUARES = 3
const CELLS = 4

/**
 * The readings of the last `windowMs` of one series, summarised in at most 16 buckets of time; 512 bytes of cells. A
 * bucket begins with a reading, not at a round time, and takes the readings within a fifteenth of the window. So the
 * oldest of 16 buckets began at least a whole window ago; if readings are sparser, each has its own bucket.
 */
export class TimeBuckets {
  /** The cells of all buckets; `at` returns where one begins. */
  readonly cells = new Float64Array(BUCKETS_MAX * CELLS)
  readonly #widthMs: number
  #newest = 0
  #size = 0

  constructor(windowMs: number) {
    this.#widthMs = Math.ceil(windowMs / (BUCKETS_MAX - 1))
  }

  get size(): number {
    return this.#size
  }

  /** Index in `cells` of the bucket that is `age` places older than the newest. @param age below `size` */
  at(age: number): number {
    return ((this.#newest - age) & (BUCKETS_MAX - 1)) * CELLS
  }

  /** Index in `cells` of the bucket for a reading of this time. A new bucket has COUNT 0. @param ts UTC milliseconds */
  place(ts: number): number {
    const newest = this.at(0)
    if (this.#size > 0 && ts - this.cells[newest + FIRST]! < this.#widthMs) return newest
    this.#newest = (this.#newest + 1) & (BUCKETS_MAX - 1)
    if (this.#size < BUCKETS_MAX) this.#size++
    const opened = this.at(0)
    this.cells[opened + FIRST] = ts
    this.cells[opened + COUNT] = 0
    return opened
  }

  /** Drops all buckets except the newest `count`. */
  keep(count: number): void {
    this.#size = Math.min(this.#size, count)
  }

  /** Whether the kept readings span at least this time (milliseconds). */
  spans(ms: number, now: number): boolean {
    return this.#size > 0 && now - this.cells[this.at(this.#size - 1) + FIRST]! >= ms
  }
}

/** Extends the range (LOW, HIGH) of the bucket that begins at `at` to a value, and counts it. */
export function widen(cells: Float64Array, at: number, value: number): void {
  const fresh = cells[at + COUNT]!++ === 0
  if (fresh || value < cells[at + LOW]!) cells[at + LOW] = value
  if (fresh || value > cells[at + HIGH]!) cells[at + HIGH] = value
}
