import { pause } from '../src/base/clock.ts'

const POLL_MS = 10
/** For what takes a moment on an idle machine, on a busy one too. */
export const DEADLINE_MS = 20_000

/**
 * Asks until the answer is truthy, and returns it. A condition that throws ends the waiting with its error.
 * @throws Error that names `what` when the deadline passes first.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = DEADLINE_MS, what = String(condition) }: { deadlineMs?: number; what?: string } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const answer = await condition()
    if (answer) return answer
    if (performance.now() >= deadline) throw new Error(`did not happen within ${deadlineMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}
