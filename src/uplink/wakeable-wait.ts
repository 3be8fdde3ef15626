/** Waiting that can be cut short by whatever happens, also by what happened while one was still on the way to bed. */
export class WakeableWait {
  readonly #asleep = new Set<() => void>()
  #mark = 0

  /** Where time stands: a `wake` that comes after this was read ends a `sleep` that is given it, also one that begins later. */
  get mark(): number {
    return this.#mark
  }

  /** Resolves after so long (ms; Infinity: never by itself), or as soon as there is a `wake` later than the mark. */
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

  /** Only who is asleep already. */
  nudge(): void {
    for (const wake of this.#asleep) wake()
  }
}
