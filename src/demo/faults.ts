import type { Moment, Signal } from './signals.ts'

/** What can be wrong with a device. Each shows within seconds of the start and comes again and again. */
export type Fault =
  | 'spikes'
  | 'sticks'
  | 'cavitates'
  | 'clock-late'
  | 'clock-early'
  | 'garbles'
  | 'forgets-acknowledgements'

/** Behind by more than `staleS` of the demo's rules, ahead by more than their `futureS`. */
const LATE_MS = -7 * 60_000
const EARLY_MS = 12 * 60_000

const SPIKE_EVERY = 25
const GARBLED_EVERY = 20
const FORGOTTEN_EVERY = 12
/** Of these, the n-th message is the one. */
const PLACE = 8

/** A loose contact: now and then a value that nothing around it explains, each fourth beyond what can be at all. */
export function withSpikes(signal: Signal<number>): Signal<number> {
  return (at) => {
    if (at.index % SPIKE_EVERY !== PLACE) return signal(at)
    const round = Math.floor(at.index / SPIKE_EVERY)
    return signal(at) + (round % 4 === 1 ? 180 : 31)
  }
}

/** A frozen converter: it repeats one value for 20 s out of 45. */
export function withSticking(signal: Signal<number>): Signal<number> {
  return (at) => {
    const inCycleMs = at.elapsedMs % 45_000
    if (inCycleMs < 500 || inCycleMs >= 20_500) return signal(at)
    const frozenMs = inCycleMs - 500
    return signal({ ts: at.ts - frozenMs, elapsedMs: at.elapsedMs - frozenMs, index: 0 })
  }
}

/** Air in the pump: 2 s out of 15. */
export function cavitates({ elapsedMs }: Moment): boolean {
  const inCycleMs = elapsedMs % 15_000
  return inCycleMs >= 2_500 && inCycleMs < 4_500
}

/** How far the device's clock is off, in milliseconds. */
export function clockErrorMs(fault: Fault | undefined): number {
  if (fault === 'clock-late') return LATE_MS
  return fault === 'clock-early' ? EARLY_MS : 0
}

/** Whether the n-th payload of the device is cut off on its way through a bad serial line. */
export function isGarbled(fault: Fault | undefined, index: number): boolean {
  return fault === 'garbles' && index % GARBLED_EVERY === PLACE
}

/** Whether the device loses the acknowledgement of its n-th message and so sends it again. */
export function isForgotten(fault: Fault | undefined, index: number): boolean {
  return fault === 'forgets-acknowledgements' && index % FORGOTTEN_EVERY === PLACE
}
