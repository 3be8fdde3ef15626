import { combine, GOOD, Reason } from '../base/flags.ts'
import type { Quality, Value, Verdict } from '../base/reading.ts'
import { isObject, type Tree } from './tree.ts'

const verdict = (quality: Quality, reasons = 0): Verdict => Object.freeze({ quality, reasons })

const NOT_EVALUATED = verdict(2, Reason.NOT_EVALUATED)
const SUSPECT = verdict(3)
const BAD = verdict(4)
const MISSING = verdict(9, Reason.MISSING)
const FAILURE = verdict(4, Reason.DEVICE_FAILURE)
const FUNCTION_CHECK = verdict(4, Reason.DEVICE_FUNCTION_CHECK)
const OUT_OF_SPEC = verdict(3, Reason.DEVICE_OUT_OF_SPEC)
const MAINTENANCE = verdict(1, Reason.DEVICE_MAINTENANCE)
const STALE = verdict(3, Reason.TIME_STALE)
const SUBSTITUTED = verdict(3, Reason.SUBSTITUTED)
const MANUAL = verdict(1, Reason.MANUAL)
/** The claim of a reading that the device sends as backfill. */
export const HISTORICAL = verdict(1, Reason.HISTORICAL)

/** Quality terms in lower case with `_` for spaces: general ones, those of QARTOD and of NAMUR NE 107. */
const TERMS: ReadonlyMap<string, Verdict> = new Map([
  ...['good', 'ok', 'valid', 'pass', 'normal'].map((word) => [word, GOOD] as const),
  ...['not_evaluated', 'unchecked', 'unknown'].map((word) => [word, NOT_EVALUATED] as const),
  ...['uncertain', 'suspect', 'questionable', 'high_interest'].map((word) => [word, SUSPECT] as const),
  ...['bad', 'fail', 'invalid'].map((word) => [word, BAD] as const),
  ...['missing', 'no_data'].map((word) => [word, MISSING] as const),
  ...['failure'].map((word) => [word, FAILURE] as const),
  ...['function_check', 'check_function'].map((word) => [word, FUNCTION_CHECK] as const),
  ...['out_of_spec', 'out_of_specification'].map((word) => [word, OUT_OF_SPEC] as const),
  ...['maintenance', 'maintenance_required'].map((word) => [word, MAINTENANCE] as const),
  ...['stale'].map((word) => [word, STALE] as const),
  ...['substituted', 'substitute', 'estimated'].map((word) => [word, SUBSTITUTED] as const),
  ...['manual'].map((word) => [word, MANUAL] as const),
])
const TERM_CHARS_MAX = 32

const QARTOD: ReadonlyMap<number, Verdict> = new Map([
  [1, GOOD],
  [2, NOT_EVALUATED],
  [3, SUSPECT],
  [4, BAD],
  [9, MISSING],
])

/** OPC UA Part 4 §7.39: codes that mean more than their severity, without the 16 info bits. */
const STATUS_CODES: ReadonlyMap<number, Verdict> = new Map([
  [0x0096_0000, MANUAL],
  [0x4090_0000, STALE],
  [0x4091_0000, SUBSTITUTED],
  [0x8074_0000, verdict(4, Reason.TYPE)],
  [0x808b_0000, FAILURE],
  [0x808c_0000, FAILURE],
  [0x809b_0000, MISSING],
])
/** The smallest code with a sub-code. A bare 0 is ambiguous: it is Good in OPC UA and Bad in OPC Classic. */
const STATUS_CODE_MIN = 0x0001_0000
const STATUS_CODE_MAX = 0xffff_ffff
/** Good in OPC Classic and Sparkplug B. Their Bad is 0, which is Good in OPC UA. */
const OPC_CLASSIC_GOOD_MIN = 192
const OPC_CLASSIC_GOOD_MAX = 255

/** LwM2M resource 6042, Measurement Quality Indicator, which object 509 (Measurement Metadata) reports. */
const LWM2M = [NOT_EVALUATED, BAD, BAD, SUSPECT, GOOD] as const

/**
 * The verdict for the `quality` member of a payload: a term, a QARTOD code (1, 2, 3, 4, 9), an OPC UA StatusCode as a
 * number of at least 2^16 or as text in hex (`0x…`), Good of OPC Classic (192–255), or `{"lwm2m509": 0–4}`. Anything
 * else is suspect (3) without a reason: a quality that is not understood must not count as good.
 */
export function claimOf(tree: Tree): Verdict {
  if (typeof tree === 'string') return claimOfText(tree)
  if (typeof tree === 'number') return claimOfNumber(tree)
  if (!isObject(tree)) return SUSPECT
  const indicator = tree.lwm2m509
  return (typeof indicator === 'number' ? LWM2M[indicator] : undefined) ?? SUSPECT
}

function claimOfText(text: string): Verdict {
  if (text.length > TERM_CHARS_MAX) return SUSPECT
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return claimOfStatusCode(Number(text))
  if (/^\d{1,10}$/.test(text)) return claimOfNumber(Number(text))
  const term = text
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
  return TERMS.get(term) ?? SUSPECT
}

function claimOfNumber(code: number): Verdict {
  const qartod = QARTOD.get(code)
  if (qartod !== undefined) return qartod
  if (!Number.isInteger(code) || code > STATUS_CODE_MAX) return SUSPECT
  if (code >= STATUS_CODE_MIN) return claimOfStatusCode(code)
  return code >= OPC_CLASSIC_GOOD_MIN && code <= OPC_CLASSIC_GOOD_MAX ? GOOD : SUSPECT
}

/** OPC UA Part 4 §7.39: the two upper bits are the severity, 00 Good, 01 Uncertain, 10 Bad, 11 reserved. */
function claimOfStatusCode(code: number): Verdict {
  const known = STATUS_CODES.get((code & 0xffff_0000) >>> 0)
  if (known !== undefined) return known
  const severity = code >>> 30
  if (severity === 0) return GOOD
  return severity === 1 ? SUSPECT : BAD
}

/**
 * The claim of one reading: the quality that the device gives and the backfill mark, combined and made consistent with
 * the value. The roll-up ranks 9 below all other flags, so a missing value is never good, and a value that the device
 * calls missing is a filler and therefore bad.
 */
export function settleClaim(given: Verdict | undefined, mark: Verdict | undefined, value: Value): Verdict | undefined {
  if (given === undefined && mark === undefined) return undefined
  const claim = given === undefined ? mark! : mark === undefined ? given : combine(given, mark)
  if (value === null) {
    return { quality: claim.quality <= 2 ? 9 : claim.quality, reasons: claim.reasons | Reason.MISSING }
  }
  return given === MISSING ? { quality: 4, reasons: claim.reasons } : claim
}
