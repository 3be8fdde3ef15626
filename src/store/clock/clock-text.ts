import type { ClockStatus } from './clock-state.ts'

/** The cure of a wrong system clock, as commands to paste. */
export const SET_CLOCK =
  "run `sudo timedatectl set-ntp true`, or without NTP `sudo date -u -s 'YYYY-MM-DD HH:MM:SS'` with the present UTC time"

/** A step of the system clock, for people: what happened, what it means and what to do. */
export function stepText({
  step,
  holdsRemoval,
}: Pick<ClockStatus, 'holdsRemoval'> & { readonly step: NonNullable<ClockStatus['step']> }): string {
  const { byMs, endedAt, rejected } = step
  const stepped = `the system clock was set ${byMs > 0 ? 'forward' : 'back'} by ${durationText(byMs)}`
  if (endedAt !== undefined) return `${stepped}; the step has ended, and no reading was removed because of it`
  if (rejected) return `${stepped}, and an operator has rejected the change: ${SET_CLOCK}`
  const held = holdsRemoval ? 'nothing is removed by age until this is settled' : 'the receiver has a different time'
  return (
    `${stepped}; ${held}: if the clock is right now, run \`tidegate clock accept\`; ` +
    `otherwise ${SET_CLOCK}; \`tidegate clock reject\` keeps the store clock`
  )
}

/** `3652 d`, `5 h`, `90 s`: in the largest unit of which there are at least two. */
export function durationText(ms: number): string {
  const size = Math.abs(ms)
  if (size >= 2 * 86_400_000) return `${Math.round(size / 86_400_000)} d`
  if (size >= 2 * 3_600_000) return `${Math.round(size / 3_600_000)} h`
  if (size >= 2 * 60_000) return `${Math.round(size / 60_000)} min`
  return `${Math.round(size / 1_000)} s`
}
