/**
 * The time, handed in, so that a test can move it. Stages do not read the wall clock themselves: commands, the main file
 * of each thread and the checks of certificates do (test/architecture.test.ts has the list), and hand it on.
 */
export interface Clock {
  /** UTC milliseconds. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Waits `ms`, or less when the signal fires first. Resolves either way: who waits looks at the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}
