import { STEP_KEPT_MS, STEP_MS } from './clock-limits.ts'

/** Limits small corrections forward, which are followed at once: many of them within an hour would be a step. */
export class Drift {
  /** Corrections since `#since` (ms; ms of the elapsed clock). */
  #ms = 0
  #since = Number.NEGATIVE_INFINITY

  /** @param aheadMs the correction @param elapsed ms of the elapsed clock */
  mayFollow(aheadMs: number, elapsed: number): boolean {
    if (elapsed - this.#since >= STEP_KEPT_MS) {
      this.#since = elapsed
      this.#ms = 0
    }
    return this.#ms + aheadMs <= STEP_MS
  }

  followed(byMs: number): void {
    this.#ms += Math.max(0, byMs)
  }
}
