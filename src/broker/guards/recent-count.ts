/** An event counts as recent for this time (ms), and at most twice as long. */
export const RECENT_MS = 300_000

/** The number of events in the last five to ten minutes. */
export class RecentCount {
  #since = Number.NEGATIVE_INFINITY
  #now = 0
  #before = 0

  /** Counts one event, now. */
  add(): void {
    this.#turn()
    this.#now++
  }

  get count(): number {
    this.#turn()
    return this.#now + this.#before
  }

  #turn(): void {
    const now = performance.now()
    if (now - this.#since < RECENT_MS) return
    this.#before = now - this.#since < 2 * RECENT_MS ? this.#now : 0
    this.#now = 0
    this.#since = now
  }
}
