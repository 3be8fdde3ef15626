import { Reason } from '../../base/flags.ts'
import type { Quality, Verdict } from '../../base/reading.ts'

/** A verdict that is shared by all readings with the same claim. */
export const verdict = (quality: Quality, reasons = 0): Verdict => Object.freeze({ quality, reasons })

export const NOT_EVALUATED = verdict(2, Reason.NOT_EVALUATED)
export const SUSPECT = verdict(3)
export const BAD = verdict(4)
export const MISSING = verdict(9, Reason.MISSING)
export const FAILURE = verdict(4, Reason.DEVICE_FAILURE)
export const FUNCTION_CHECK = verdict(4, Reason.DEVICE_FUNCTION_CHECK)
export const OUT_OF_SPEC = verdict(3, Reason.DEVICE_OUT_OF_SPEC)
export const MAINTENANCE = verdict(1, Reason.DEVICE_MAINTENANCE)
export const STALE = verdict(3, Reason.TIME_STALE)
export const SUBSTITUTED = verdict(3, Reason.SUBSTITUTED)
export const MANUAL = verdict(1, Reason.MANUAL)
