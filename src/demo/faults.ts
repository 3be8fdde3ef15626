import type { Signal, SignalMoment } from './signals.ts'

/** The faults of simulated devices. Each appears within seconds of the start, and repeatedly. */
export type Fault =
  | 'spikes'
  | 'sticks'
  | 'cavitates'
  | 'clock-late'
  | 'clock-early'
  | 'garbles'
  | 'forgets-acknowledgements'

/** Clock errors: later than `staleS` of the demo's quality rules permits, and earlier than `futureS` permits. */
const LATE_MS = -7 * 60_000
const EARLY_MS = 12 * 60_000

const SPIKE_EVERY = 25
const GARBLED_EVERY = 20
const FORGOTTEN_EVERY = 12
/** Position of the faulty message in each period. */
const PLACE = 8

/** A loose contact: one value in SPIKE_EVERY is a spike, and every fourth spike is physically impossible. */
export function withSpikes(signal: Signal<number>): Signal<number> {
  return (at) => {
    if (at.index % SPIKE_EVERY !== PLACE) return signal(at)
    const round = Math.floor(at.index / SPIKE_EVERY)
    return signal(at) + (round % 4 === 1 ? 180 : 31)
  }
}

/** A frozen converter: it repeats one value for 20 s of every 45 s. */
export function withSticking(signal: Signal<number>): Signal<number> {
  return (at) => {
    const inCycleMs = at.elapsedMs % 45_000
    if (inCycleMs < 500 || inCycleMs >= 20_500) return signal(at)
    const frozenMs = inCycleMs - 500
    return signal({ ts: at.ts - frozenMs, elapsedMs: at.elapsedMs - frozenMs, index: 0 })
  }
}

/** Air in the pump, for 2 s of every 15 s. */
export function cavitates({ elapsedMs }: SignalMoment): boolean {
  const inCycleMs = elapsedMs % 15_000
  return inCycleMs >= 2_500 && inCycleMs < 4_500
}

/** Error of the device's clock in milliseconds; negative: the clock is slow. */
export function clockErrorMs(fault: Fault | undefined): number {
  if (fault === 'clock-late') return LATE_MS
  return fault === 'clock-early' ? EARLY_MS : 0
}

/** Whether the n-th payload of the device is truncated, as by a bad serial line. */
export function isGarbled(fault: Fault | undefined, index: number): boolean {
  return fault === 'garbles' && index % GARBLED_EVERY === PLACE
}

/** Whether the device loses the acknowledgement of its n-th message, and therefore sends the message again. */
export function isForgotten(fault: Fault | undefined, index: number): boolean {
  return fault === 'forgets-acknowledgements' && index % FORGOTTEN_EVERY === PLACE
}
