interface Span {
  readonly first: number
  readonly last: number
}

/** How much of the time of all series has been passed, for people who wait. Two numbers a series. */
export class Passage<S> {
  readonly #ahead = new Map<S, Span>()
  #passedMs = 0
  #totalMs = 0

  expect(series: S, span: Span): void {
    this.#ahead.set(series, span)
    this.#totalMs += span.last - span.first
  }

  /** All of a series before `ts` has been passed. */
  reach(series: S, ts: number): void {
    const ahead = this.#ahead.get(series)
    if (ahead === undefined) return
    const first = Math.max(ahead.first, Math.min(ts, ahead.last))
    this.#passedMs += first - ahead.first
    this.#ahead.set(series, { ...ahead, first })
  }

  /** 0 to 1. */
  get share(): number {
    return this.#totalMs === 0 ? 1 : this.#passedMs / this.#totalMs
  }
}
