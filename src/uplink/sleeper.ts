/** Waiting that can be cut short by whatever happens. */
export class Sleeper {
  readonly #wakes = new Set<() => void>()

  /** Resolves after so long (ms; Infinity: never by itself), or at the next `wake`. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#wakes.delete(wake)
        resolve()
      }
      const timer = Number.isFinite(ms) ? setTimeout(wake, ms) : undefined
      this.#wakes.add(wake)
    })
  }

  wake(): void {
    for (const wake of this.#wakes) wake()
  }
}
