import { EARLIEST } from '../store/clock/clock-limits.ts'
import type { ClockStatus } from '../store/clock/clock-state.ts'
import { durationText, stepText } from '../store/clock/clock-text.ts'
import type { WaitingRemoval } from '../store/housekeeping/expiry.ts'

/** The store clock may differ from the system clock by this time (ms) before it is a problem: the machine was off. */
const AHEAD_MS_MAX = 86_400_000
const BEHIND_MS_MAX = 60_000

/** Problems with the clock, and with removals that wait because of it. Pure. */
export function clockProblems(facts: {
  readonly clock: ClockStatus
  readonly waitingRemoval: WaitingRemoval | undefined
}): string[] {
  const { clock, waitingRemoval } = facts
  const { time, step, systemAheadMs, synchronised, confirmed, contradictedMs } = clock
  const system = time + systemAheadMs
  const problems: string[] = []
  if (system < EARLIEST) {
    problems.push(
      `the system clock shows ${new Date(system).toISOString().slice(0, 10)}: it was not set since power-on, and readings ` +
        "are flagged CLOCK_UNSYNCED until it is: run `sudo timedatectl set-ntp true`, or without NTP `sudo date -u -s '…'`",
    )
  }
  if (step !== undefined) problems.push(stepText({ ...clock, step }))
  else if (system >= EARLIEST && (systemAheadMs > AHEAD_MS_MAX || systemAheadMs < -BEHIND_MS_MAX)) {
    const where = systemAheadMs > 0 ? 'ahead of' : 'behind'
    problems.push(
      `the system clock is ${durationText(systemAheadMs)} ${where} the store clock, by which ` +
        'readings are removed: if the system clock is right, run `tidegate clock accept`',
    )
  }
  if (step === undefined && contradictedMs !== undefined) {
    const where = contradictedMs > 0 ? 'ahead of' : 'behind'
    problems.push(
      `the clock of the receiver is ${durationText(contradictedMs)} ${where} the system clock: one of them is wrong, and ` +
        'readings are flagged CLOCK_UNSYNCED until they agree or the system clock is synchronised',
    )
  }
  if (synchronised === false && !confirmed) {
    problems.push('the system clock is not synchronised: readings are flagged CLOCK_UNSYNCED until it is')
  }
  if (waitingRemoval !== undefined) {
    const { readings, of, sums, ofSums } = waitingRemoval
    problems.push(
      `retention would remove ${readings} of ${of} sealed readings and ${sums} of ${ofSums} hourly sums at once, and ` +
        'waits: check the clock and the rules, ' +
        'then run `tidegate retention --accept`',
    )
  }
  return problems
}
