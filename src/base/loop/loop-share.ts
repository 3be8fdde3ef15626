import type { Steps } from './steps.ts'

/**
 * Work that takes longer than this (ms) leaves the event loop to others before it continues. Well below the 50 ms that one
 * message may keep the loop busy: some steps cannot be divided.
 */
const SHARE_MS = 15

/** Divides long work on the event loop: `if (share.isUsedUp) await share.pause()` between two steps. */
export class LoopShare {
  #begunAt = performance.now()

  /** The work begins now, in a turn of the loop in which nothing of it has run. */
  begin(): void {
    this.#begunAt = performance.now()
  }

  get isUsedUp(): boolean {
    return performance.now() - this.#begunAt >= SHARE_MS
  }

  /** Does the steps, and pauses between them. @throws whatever a step throws */
  async run<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (this.isUsedUp) await this.pause()
    }
  }

  /** Resolves when the loop has served its sockets and timers. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.begin()
  }
}
