/** The system clock may differ from what is expected by up to this time (ms) without counting as a step. */
export const STEP_MS = 60_000
/** Two clocks that differ by at most this time (ms) agree; it includes the delay of a message from the receiver. */
export const AGREE_MS = 300_000
/**
 * A machine is off for at most this time (ms): 92 days. A clock that is further ahead than this at a start is believed
 * only if a second clock agrees, or an operator accepts it.
 */
export const OFF_MS_MAX = 92 * 86_400_000
/** A step that a synchronised system clock keeps for this long (ms) is adopted; a step that is undone earlier is not. */
export const STEP_KEPT_MS = 3_600_000
/** The system must say for this long (ms) that its clock is synchronised before its time is adopted. */
export const SYNCED_MS_MIN = 30_000
/** A step that is over stays in the status and in the health for this long (ms). */
export const STEP_SHOWN_MS = 86_400_000
/** A difference up to this time (ms) is not corrected: the store clock need not follow every small adjustment. */
export const FOLLOW_MS_MIN = 1_000
/** A time of the receiver counts for this long (ms) after it arrived. */
export const REFERENCE_MS_MAX = 3_600_000
/** Earlier than this version (UTC ms): a clock that shows a time before it has not been set since power-on. */
export const EARLIEST = Date.UTC(2026, 0, 1)

export function isNear(a: number, b: number, withinMs: number): boolean {
  return Math.abs(a - b) <= withinMs
}
