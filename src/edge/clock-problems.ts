import type { ClockStatus } from '../store/clock/store-clock.ts'
import type { WaitingRemoval } from '../store/housekeeping/expiry.ts'

/** The store clock may be behind the system clock by this time (ms) before it is a problem: the machine was off. */
const BEHIND_MS_MAX = 86_400_000

/** Problems with the clock, and with removals that wait because of it. Pure. */
export function clockProblems(facts: {
  readonly clock: ClockStatus
  readonly waitingRemoval: WaitingRemoval | undefined
}): string[] {
  const { clock, waitingRemoval } = facts
  const problems: string[] = []
  const { step, systemAheadMs, synchronised, confirmed } = clock
  if (step !== undefined) problems.push(stepText(step, clock))
  else if (systemAheadMs > BEHIND_MS_MAX || systemAheadMs < -60_000) {
    const which = systemAheadMs > 0 ? 'ahead of' : 'behind'
    problems.push(
      `the system clock is ${durationText(systemAheadMs)} ${which} the time that the edge can account for; retention goes by the ` +
        'latter: if the system clock is right, run `tidegate clock accept`',
    )
  }
  if (synchronised === false && !confirmed) {
    problems.push('the system clock is not synchronised: readings carry the reason CLOCK_UNSYNCED until it is')
  }
  if (waitingRemoval !== undefined) {
    const { readings, of } = waitingRemoval
    problems.push(
      `retention would remove ${readings} of ${of} sealed readings at once, and waits: check the clock and the rules, then run ` +
        '`tidegate retention --accept`',
    )
  }
  return problems
}

function stepText(
  { byMs, endedAt, rejected }: NonNullable<ClockStatus['step']>,
  { holdsRemoval }: ClockStatus,
): string {
  const stepped = `the system clock was set ${byMs > 0 ? 'forward' : 'back'} by ${durationText(byMs)}`
  if (endedAt !== undefined) return `${stepped} for a while; no reading was removed because of it`
  if (rejected) return `${stepped}, and an operator has rejected that: set the clock right`
  const held = holdsRemoval ? 'nothing is removed by age until that is settled' : 'the receiver has another time'
  return `${stepped}; ${held}: run \`tidegate clock accept\` if it is right now, otherwise set it right or run \`tidegate clock reject\``
}

/** `3652 d`, `5 h`, `90 s`: in the largest unit of which there are at least two. */
export function durationText(ms: number): string {
  const size = Math.abs(ms)
  if (size >= 2 * 86_400_000) return `${Math.round(size / 86_400_000)} d`
  if (size >= 2 * 3_600_000) return `${Math.round(size / 3_600_000)} h`
  if (size >= 2 * 60_000) return `${Math.round(size / 60_000)} min`
  return `${Math.round(size / 1_000)} s`
}
