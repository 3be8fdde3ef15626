import type { Quality, Verdict } from './reading.ts'

/**
 * Reasons of a verdict, one bit each (uint32). The numbers are part of the wire format and of the store: they never
 * change meaning. docs/wire-format.md has the table with the OPC UA codes.
 */
export const Reason = {
  MISSING: 1 << 0,
  TYPE: 1 << 1,
  RANGE_LO: 1 << 2,
  RANGE_HI: 1 << 3,
  WARN_LO: 1 << 4,
  WARN_HI: 1 << 5,
  SPIKE: 1 << 6,
  RATE: 1 << 7,
  FLAT: 1 << 8,
  ATTENUATED: 1 << 9,
  GAP_BEFORE: 1 << 10,
  TIME_FUTURE: 1 << 11,
  TIME_STALE: 1 << 12,
  TIME_BACKWARD: 1 << 13,
  CLOCK_UNSYNCED: 1 << 14,
  DUPLICATE: 1 << 15,
  DEVICE_FAILURE: 1 << 16,
  DEVICE_FUNCTION_CHECK: 1 << 17,
  DEVICE_OUT_OF_SPEC: 1 << 18,
  DEVICE_MAINTENANCE: 1 << 19,
  SUBSTITUTED: 1 << 20,
  MANUAL: 1 << 21,
  HISTORICAL: 1 << 22,
  NOT_EVALUATED: 1 << 23,
  ANOMALY: 1 << 24,
  /** The device's time is no time or impossible: the reading has the time of its arrival. */
  TIME_INVALID: 1 << 25,
  /** The device's time has no time zone, or is ambiguous in the zone of the route. */
  TIME_ZONE: 1 << 26,
} as const

/** The names of the set bits, in the order of the bits. */
export function reasonNames(reasons: number): string[] {
  return Object.entries(Reason).flatMap(([name, bit]) => ((reasons & bit) !== 0 ? [name] : []))
}

/** Rank of each flag in the roll-up: 9 < 2 < 1 < 3 < 4. The index is the flag. */
const RANK = [0, 3, 2, 4, 5, 0, 0, 0, 0, 1] as const

/** The worse of two flags in the roll-up order 9 < 2 < 1 < 3 < 4 (QARTOD's aggregate of several tests). */
export function worse(a: Quality, b: Quality): Quality {
  return RANK[a] >= RANK[b] ? a : b
}

/** Combines two verdicts. Commutative, associative and idempotent: order and repetition do not change the result. */
export function combine(a: Verdict, b: Verdict): Verdict {
  return { quality: worse(a.quality, b.quality), reasons: (a.reasons | b.reasons) >>> 0 }
}

/** The verdict of a reading that passed every check. Shared, so that the common case allocates nothing. */
export const GOOD: Verdict = Object.freeze({ quality: 1, reasons: 0 })

/** Coarse quality for people: flags 1 and 2 are good, 3 is uncertain, 4 and 9 are bad. */
export function qualityWord(quality: Quality): 'good' | 'uncertain' | 'bad' {
  if (quality === 1 || quality === 2) return 'good'
  return quality === 3 ? 'uncertain' : 'bad'
}
