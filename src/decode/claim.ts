import { combine, GOOD, Reason } from '../base/flags.ts'
import type { Value, Verdict } from '../base/reading.ts'
import { claimOfStatusCode, claimOfStatusName } from './quality/status-code.ts'
import {
  BAD,
  FAILURE,
  FUNCTION_CHECK,
  MAINTENANCE,
  MANUAL,
  MISSING,
  NOT_EVALUATED,
  OUT_OF_SPEC,
  STALE,
  SUBSTITUTED,
  SUSPECT,
  verdict,
} from './quality/verdicts.ts'
import { isObject, type Tree, type TreeObject } from './tree.ts'

/** The claim of a reading whose time could not be used. */
export const TIME_INVALID = verdict(3, Reason.TIME_INVALID)
/** The claim of a reading whose time is in an unknown zone, or ambiguous. */
export const TIME_ZONE = verdict(3, Reason.TIME_ZONE)
/** The claim of a reading that the device sends as backfill. */
export const HISTORICAL = verdict(1, Reason.HISTORICAL)

/** The claim of a quality that is not understood: it must not count as good. Compare by identity. */
export const NOT_UNDERSTOOD = verdict(3)

/** Quality terms, lower case, letters only: general ones, those of QARTOD and of NAMUR NE 107. */
const TERMS: ReadonlyMap<string, Verdict> = new Map([
  ...['good', 'ok', 'valid', 'pass', 'normal', 'true'].map((word) => [word, GOOD] as const),
  ...['notevaluated', 'unchecked', 'unknown'].map((word) => [word, NOT_EVALUATED] as const),
  ...['uncertain', 'suspect', 'questionable', 'highinterest', 'warning', 'poor'].map(
    (word) => [word, SUSPECT] as const,
  ),
  ...['bad', 'fail', 'failed', 'invalid', 'error', 'fault', 'notgood', 'false'].map((word) => [word, BAD] as const),
  ...['missing', 'nodata'].map((word) => [word, MISSING] as const),
  ...['failure'].map((word) => [word, FAILURE] as const),
  ...['functioncheck', 'checkfunction'].map((word) => [word, FUNCTION_CHECK] as const),
  ...['outofspec', 'outofspecification'].map((word) => [word, OUT_OF_SPEC] as const),
  ...['maintenance', 'maintenancerequired'].map((word) => [word, MAINTENANCE] as const),
  ...['stale'].map((word) => [word, STALE] as const),
  ...['substituted', 'substitute', 'estimated'].map((word) => [word, SUBSTITUTED] as const),
  ...['manual'].map((word) => [word, MANUAL] as const),
])
/** The longest name of OPC UA has 63. */
const TERM_CHARS_MAX = 96
/** Anything else between letters makes a text one that is not understood: `good?` is not good. */
const SEPARATORS = /[\s_.,:;()[\]/-]+/g
/** How libraries print a code behind its name: `BadSensorFailure (0x808C0000)`. */
const CODE_BEHIND = /\s*[([](?:0x[0-9a-f]{1,8}|\d{1,10})[)\]]$/i
const NAMESPACE = /^(?:opc_?ua_?|(?:ua\.)?status_?codes?[._])/i

const QARTOD: ReadonlyMap<number, Verdict> = new Map([
  [1, GOOD],
  [2, NOT_EVALUATED],
  [3, SUSPECT],
  [4, BAD],
  [9, MISSING],
])

/** The smallest StatusCode of OPC UA with a sub-code. */
const STATUS_CODE_MIN = 0x0001_0000
const STATUS_CODE_MAX = 0xffff_ffff
/** Where StatusCodes are signed integers of 32 bits, bad ones are from here to `BAD_SIGNED_END`. */
const BAD_SIGNED_MIN = -0x8000_0000
const BAD_SIGNED_END = -0x4000_0000

/**
 * OPC Classic (DA 3.00 §6.8) has QQSSSSLL in one byte: QQ 11 good, 01 uncertain, 00 bad. Only the bad codes that the
 * standard names, without limit bits, are taken for bad, because small numbers mean other things elsewhere: the QARTOD
 * flags, a percentage, the fix of a GNSS receiver. A 0 alone stays ambiguous: Good in OPC UA, Bad in OPC Classic and
 * Sparkplug B.
 */
const CLASSIC_BAD: ReadonlyMap<number, Verdict> = new Map([
  [8, BAD], // not connected
  [12, FAILURE], // device failure
  [16, FAILURE], // sensor failure
  [20, verdict(4, Reason.TIME_STALE)], // last known value
  [24, BAD], // communication failure
  [28, BAD], // out of service
  [32, BAD], // waiting for initial data
])
/** Other codes of the standard, with any limit bits: bad, uncertain. */
const CLASSIC_OTHER = [
  [0, 35],
  [64, 71],
  [80, 91],
] as const
const CLASSIC_GOOD_MIN = 192
const CLASSIC_GOOD_MAX = 255
/** 54 of six bits and any limit bits. */
const CLASSIC_LOCAL_OVERRIDE = 216 >> 2
/** Sparkplug B 3.0 §6.4.2: 0 bad, 192 good, 500 stale. */
const SPARKPLUG_STALE = 500

/** Quality codes of Siemens' connectors (`qc`): the upper two bits of PROFIBUS PA. */
const CONNECTOR = [BAD, SUSPECT, GOOD, GOOD] as const

/** LwM2M resource 6042, Measurement Quality Indicator, which object 509 (Measurement Metadata) reports. */
const LWM2M = [NOT_EVALUATED, BAD, BAD, SUSPECT, GOOD] as const

/**
 * The verdict for the `quality` member of a payload: true or false, a term, the name of a status in OPC UA or OPC
 * Classic, a QARTOD code (1, 2, 3, 4, 9), an OPC UA StatusCode as a number of at least 2^16, as a negative one, as text
 * in hex (`0x` and eight digits) or in an object (`{"Code": …}`), a code of OPC Classic or Sparkplug B, or
 * `{"lwm2m509": 0–4}`. Anything else is NOT_UNDERSTOOD.
 */
export function claimOf(tree: Tree): Verdict {
  if (typeof tree === 'string') return claimOfText(tree)
  if (typeof tree === 'number') return claimOfNumber(tree)
  if (typeof tree === 'boolean') return tree ? GOOD : BAD
  return isObject(tree) ? claimOfObject(tree) : NOT_UNDERSTOOD
}

/** The verdict for the `qc` member of a payload. */
export function claimOfConnector(tree: Tree): Verdict {
  return (typeof tree === 'number' ? CONNECTOR[tree] : undefined) ?? NOT_UNDERSTOOD
}

/** The verdict for a StatusCode of OPC UA: also a 0 is one. */
export function claimOfOpcUa(tree: Tree): Verdict {
  return isObject(tree) && tree.value === undefined
    ? claimOfObject(tree)
    : claimOfCode(isObject(tree) ? tree : { Code: tree })
}

function claimOfObject(object: TreeObject): Verdict {
  const indicator = object.lwm2m509
  if (indicator !== undefined) {
    return (typeof indicator === 'number' ? LWM2M[indicator] : undefined) ?? NOT_UNDERSTOOD
  }
  return claimOfCode(object)
}

/** The verdict for `{"Code": …, "Symbol": …}` and the like. */
function claimOfCode(object: TreeObject): Verdict {
  const code = object.Code ?? object.code ?? object.StatusCode ?? object.statusCode ?? object.value
  const name = object.Symbol ?? object.symbol ?? object.Name ?? object.name
  const named = typeof name === 'string' ? claimOfText(name) : undefined
  if (code === undefined) return named ?? NOT_UNDERSTOOD
  // Only a StatusCode of OPC UA comes in an object, so that its 0 is not ambiguous.
  const coded = code === 0 ? GOOD : isObject(code) ? NOT_UNDERSTOOD : claimOf(code)
  if (coded === NOT_UNDERSTOOD || named === NOT_UNDERSTOOD) return NOT_UNDERSTOOD
  return named === undefined ? coded : worstClaim(coded, named)
}

function claimOfText(given: string): Verdict {
  if (given.length > TERM_CHARS_MAX) return NOT_UNDERSTOOD
  const term = TERMS.get(given.toLowerCase())
  if (term !== undefined) return term
  const text = given.trim()
  if (/^0x[0-9a-f]{8}$/i.test(text)) return claimOfStatusCode(Number(text))
  if (/^(?:-?\d{1,10}|0x[0-9a-f]{1,7})$/i.test(text)) return claimOfNumber(Number(text))
  const bare = text.replace(CODE_BEHIND, '').replace(NAMESPACE, '')
  const letters = bare.replace(SEPARATORS, '').toLowerCase()
  return TERMS.get(letters) ?? claimOfStatusName(bare, letters) ?? NOT_UNDERSTOOD
}

function claimOfNumber(code: number): Verdict {
  if (isStatusCode(code)) return claimOfStatusCode(code >>> 0)
  if (!Number.isInteger(code)) return NOT_UNDERSTOOD
  if (code >= CLASSIC_GOOD_MIN && code <= CLASSIC_GOOD_MAX) return code >> 2 === CLASSIC_LOCAL_OVERRIDE ? MANUAL : GOOD
  const claim = QARTOD.get(code) ?? CLASSIC_BAD.get(code) ?? (code === SPARKPLUG_STALE ? STALE : undefined)
  return claim ?? (CLASSIC_OTHER.some(([first, last]) => code >= first && code <= last) ? SUSPECT : NOT_UNDERSTOOD)
}

/** Whether a number is a StatusCode of OPC UA beyond doubt. */
function isStatusCode(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (code >= STATUS_CODE_MIN && code <= STATUS_CODE_MAX) || (code >= BAD_SIGNED_MIN && code < BAD_SIGNED_END)
}

/** Whether a number is one of the codes for a quality. Others are numbers of something else. */
export function isQualityCode(code: number): boolean {
  return claimOfNumber(code) !== NOT_UNDERSTOOD
}

/** Two claims about the same reading as one; undefined: there is none. */
export function joinClaims(a: Verdict | undefined, b: Verdict | undefined): Verdict | undefined {
  return a === undefined || b === undefined ? (a ?? b) : combine(a, b)
}

/** The worst of several qualities that a device gives for one value. What it calls missing in one of them is missing. */
export function worstClaim(a: Verdict, b: Verdict): Verdict {
  const { quality, reasons } = combine(a, b)
  const isMissing = quality !== 4 && (a.quality === 9 || b.quality === 9)
  return { quality: isMissing ? 9 : quality, reasons }
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
  return given?.quality === 9 ? { quality: 4, reasons: claim.reasons } : claim
}

/**
 * The verdict for a status: a StatusCode of OPC UA, or a term. Undefined: it says nothing about a quality.
 */
export function claimOfStatus(tree: Tree): Verdict | undefined {
  if (typeof tree === 'number') return isStatusCode(tree) ? claimOfNumber(tree) : undefined
  if (isObject(tree)) {
    const code = tree.Code ?? tree.code ?? tree.value
    const claim = code === undefined ? NOT_UNDERSTOOD : claimOfOpcUa(tree)
    return claim === NOT_UNDERSTOOD ? undefined : claim
  }
  if (typeof tree !== 'string') return undefined
  const given = tree.trim()
  if (/^0x[0-9a-f]{8}$/i.test(given)) return claimOfStatusCode(Number(given))
  if (given.length > TERM_CHARS_MAX || /\d/.test(given)) return undefined
  const letters = given.replace(SEPARATORS, '').toLowerCase()
  return TERMS.get(letters) ?? claimOfStatusName(given, letters)
}
