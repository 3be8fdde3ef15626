/** A series is refused when at least this number of its readings is refused one by one for the same reason. */
export const EQUAL_REFUSALS_MIN = 8
/** Series that are watched, at most; the one that was refused longest ago is forgotten, and found again. */
const SERIES_MAX = 1_000

interface Watched {
  reason: string
  /** Readings that were refused one by one since the last one that passed. */
  count: number
  /** Something else was confirmed meanwhile: this series is the cause. */
  proved: boolean
}

/**
 * Series of which the receiver refuses reading after reading for the same reason, and passes none. Their readings need
 * not be searched for one by one: all of them in a refused message are taken out of it together. In memory only.
 */
export class RefusedSeries {
  readonly #watched = new Map<number, Watched>()

  /** A reading of this series was refused alone. */
  refused(series: number, reason: string): void {
    const alike = likenessOf(reason)
    const before = this.#watched.get(series)
    this.#watched.delete(series)
    const isEqual = before?.reason === alike
    if (!isEqual && this.#watched.size >= SERIES_MAX) this.#watched.delete(this.#watched.keys().next().value!)
    this.#watched.set(
      series,
      isEqual ? { ...before, count: before.count + 1 } : { reason: alike, count: 1, proved: false },
    )
  }

  /** A refused reading of this series was parked: others passed. */
  proved(series: number): void {
    const watched = this.#watched.get(series)
    if (watched !== undefined) watched.proved = true
  }

  /** A reading of this series was confirmed. */
  passed(series: number): void {
    this.#watched.delete(series)
  }

  isProved(series: number): boolean {
    return this.#watched.get(series)?.proved ?? false
  }

  /** The series that are refused for this reason. */
  of(reason: string): ReadonlySet<number> {
    const alike = likenessOf(reason)
    const found = new Set<number>()
    for (const [series, one] of this.#watched) {
      if (one.count >= EQUAL_REFUSALS_MIN && one.reason === alike) found.add(series)
    }
    return found
  }
}

/** Reasons are equal if only numbers differ: a receiver may name positions or sizes. */
function likenessOf(reason: string): string {
  return reason.replace(/\d+/g, '#')
}
