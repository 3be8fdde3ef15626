import { pause } from '../src/base/clock.ts'

const POLL_MS = 10
/** Long enough for a busy machine, although most conditions take a moment on an idle one. */
export const DEADLINE_MS = 20_000

/**
 * Polls until the condition is truthy, and returns its value. A condition that throws ends the wait with its error.
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
