/** A wait that `wake` can end early, even if `wake` was called just before the wait began. */
export class WakeableWait {
  readonly #asleep = new Set<() => void>()
  #mark = 0

  /**
   * Counts the wakes. A `wake` after this was read ends a `sleep` that gets this mark, also a sleep that begins
   * later.
   */
  get mark(): number {
    return this.#mark
  }

  /**
   * Resolves after `ms` milliseconds (Infinity: never by itself), or as soon as there is a `wake` later than the
   * mark.
   */
  sleep(ms: number, mark: number): Promise<void> {
    if (mark !== this.#mark) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#asleep.delete(wake)
        resolve()
      }
      const timer = Number.isFinite(ms) ? setTimeout(wake, ms) : undefined
      this.#asleep.add(wake)
    })
  }

  wake(): void {
    this.#mark++
    this.nudge()
  }

  /** Ends only the waits that have begun already. */
  nudge(): void {
    for (const wake of this.#asleep) wake()
  }
}
