/**
 * The wall clock, passed as a parameter so that a test can set it. Stages do not read the system clock: only commands,
 * the main file of each thread and the checks of certificates do (test/architecture.test.ts has the list), and pass it
 * on.
 */
export interface Clock {
  /** UTC milliseconds. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Waits `ms`, or until the signal fires. Resolves either way: the caller checks the signal. */
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
