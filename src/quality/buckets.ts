/**
 * The resolution of a window: a whole bucket is kept or forgotten, so a window may reach back further than asked, by
 * at most a fifteenth of its length.
 */
export const BUCKETS_MAX = 16

/** What a bucket keeps: the time of its first reading, the number of readings, and two cells for its owner. */
export const FIRST = 0
export const COUNT = 1
export const LOW = 2
export const HIGH = 3
export const MEAN = 2
export const SQUARES = 3
const CELLS = 4

/**
 * The readings of the latest `windowMs` of one series, summarised in at most 16 stretches of time; 512 bytes of cells.
 * A bucket begins with a reading, not at a round time, and takes what comes within a fifteenth of the window: so the
 * oldest of 16 has begun at least a whole window ago, and where readings are sparser than that, each has its own.
 */
export class TimeBuckets {
  /** All buckets; `at` tells where one begins. */
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

  /** Where in `cells` the bucket begins that is `age` places older than the newest; `age` below `size`. */
  at(age: number): number {
    return ((this.#newest - age) & (BUCKETS_MAX - 1)) * CELLS
  }

  /** Where in `cells` the bucket begins that a reading of this time belongs to. A new one has COUNT 0. */
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

  /** Forgets all buckets but the newest so many. */
  keep(count: number): void {
    this.#size = Math.min(this.#size, count)
  }

  /** True when the kept readings span at least this time. */
  spans(ms: number, now: number): boolean {
    return this.#size > 0 && now - this.cells[this.at(this.#size - 1) + FIRST]! >= ms
  }
}

/** Takes a value into the extent (LOW, HIGH) of the bucket that begins at `at`. */
export function widen(cells: Float64Array, at: number, value: number): void {
  const fresh = cells[at + COUNT]!++ === 0
  if (fresh || value < cells[at + LOW]!) cells[at + LOW] = value
  if (fresh || value > cells[at + HIGH]!) cells[at + HIGH] = value
}
