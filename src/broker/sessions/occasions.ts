/** How often something happened, and to whom it happened last. */
export interface OccasionStats {
  readonly count: number
  /** Client id or topic of the last time. */
  readonly last: string | undefined
  /** Milliseconds since the last time; undefined: it never happened. */
  readonly lastMs: number | undefined
}

/** Counts something that an operator should hear of. */
export class Occasion {
  #count = 0
  #last: string | undefined
  #lastAt = 0

  note(name: string, times = 1): void {
    this.#count += times
    this.#last = name
    this.#lastAt = performance.now()
  }

  get stats(): OccasionStats {
    const lastMs = this.#count === 0 ? undefined : Math.round(performance.now() - this.#lastAt)
    return { count: this.#count, last: this.#last, lastMs }
  }
}
