/**
 * Shares the event loop between long pieces of work. Each piece awaits `turn()` before it does the next slice, and one
 * slice, of whichever piece has waited longest, runs in each turn of the loop. So sockets are served between any two
 * slices, however many clients cause such work at once. A slice must take a millisecond at most.
 */
export class Slices {
  readonly #waiting: (() => void)[] = []
  #scheduled = false

  /** Resolves when the next slice may run. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#waiting.shift()?.()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}
