import type { ElapsedClock } from './elapsed-time.ts'

/** A wall clock that differs from the elapsed time by more than this (ms) has stepped. */
const STEP_MS = 60_000
/** A step counts for this long (ms): a clock that is set back within this time has done no harm. */
const KEPT_MS = 3_600_000

/**
 * Notices when a wall clock steps. Work that cannot be undone waits until the clock has kept its new time for an hour.
 */
export class StepWatch {
  readonly #now: () => number
  readonly #elapsedClock: ElapsedClock
  #aheadMs: number
  #steppedAt: number | undefined

  /** @param now the wall clock, UTC ms */
  constructor(now: () => number, elapsedClock: ElapsedClock) {
    this.#now = now
    this.#elapsedClock = elapsedClock
    this.#aheadMs = now() - elapsedClock.now()
  }

  /** Whether the wall clock has stepped within the last hour. Call it at least that often. */
  get hasStepped(): boolean {
    const elapsed = this.#elapsedClock.now()
    const aheadMs = this.#now() - elapsed
    if (Math.abs(aheadMs - this.#aheadMs) > STEP_MS) {
      this.#aheadMs = aheadMs
      this.#steppedAt = elapsed
    }
    return this.#steppedAt !== undefined && elapsed - this.#steppedAt < KEPT_MS
  }
}
