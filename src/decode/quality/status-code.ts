import { combine, GOOD, Reason } from '../../base/flags.ts'
import type { Verdict } from '../../base/reading.ts'
import { BAD, FAILURE, MANUAL, MISSING, STALE, SUBSTITUTED, SUSPECT, verdict } from './verdicts.ts'

const TYPE_MISMATCH = verdict(4, Reason.TYPE)

/** OPC UA Part 6, annex A.2: codes that say more than their severity, without the 16 info bits. */
const STATUS_CODES: ReadonlyMap<number, Verdict> = new Map([
  [0x0096_0000, MANUAL], // GoodLocalOverride
  [0x00a5_0000, MISSING], // GoodNoData
  [0x00dc_0000, MANUAL], // GoodEdited
  [0x408f_0000, STALE], // UncertainNoCommunicationLastUsableValue
  [0x4090_0000, STALE], // UncertainLastUsableValue
  [0x4091_0000, SUBSTITUTED], // UncertainSubstituteValue
  [0x4209_0000, SUBSTITUTED], // UncertainSimulatedValue
  [0x8074_0000, TYPE_MISMATCH], // BadTypeMismatch
  [0x808b_0000, FAILURE], // BadDeviceFailure
  [0x808c_0000, FAILURE], // BadSensorFailure
  [0x809b_0000, MISSING], // BadNoData
  [0x809d_0000, MISSING], // BadDataLost
  [0x809e_0000, MISSING], // BadDataUnavailable
  [0x80b1_0000, MISSING], // BadNoDataAvailable
  [0x80f0_0000, MISSING], // BadNoValue
])

/** The names of these codes and of the sub-statuses of OPC Classic, without severity: lower case, letters only. */
const SUB_STATUSES: ReadonlyMap<string, Verdict> = new Map([
  ...['localoverride', 'edited'].map((name) => [name, MANUAL] as const),
  ...['lastusablevalue', 'nocommunicationlastusablevalue', 'lastknownvalue'].map((name) => [name, STALE] as const),
  ...['substitutevalue', 'simulatedvalue'].map((name) => [name, SUBSTITUTED] as const),
  ...['typemismatch'].map((name) => [name, TYPE_MISMATCH] as const),
  ...['devicefailure', 'sensorfailure'].map((name) => [name, FAILURE] as const),
  ...['nodata', 'datalost', 'dataunavailable', 'nodataavailable', 'novalue'].map((name) => [name, MISSING] as const),
  ...['sensornotaccurate', 'engineeringunitsexceeded', 'euexceeded'].map((name) => [name, SUSPECT] as const),
  ...['configurationerror', 'configerror', 'notconnected', 'outofservice'].map((name) => [name, BAD] as const),
  ...['commfailure', 'communicationfailure', 'waitingforinitialdata'].map((name) => [name, BAD] as const),
])

/** Sub-statuses that say nothing more than the severity. */
const NEUTRAL: ReadonlySet<string> = new Set(['nonspecific', 'unspecified', 'subnormal'])

const SEVERITIES: ReadonlyMap<string, Verdict> = new Map([
  ['good', GOOD],
  ['uncertain', SUSPECT],
  ['bad', BAD],
])

/** OPC UA Part 4 §7.39: the two upper bits are the severity, 00 Good, 01 Uncertain, 10 Bad, 11 reserved. */
export function claimOfStatusCode(code: number): Verdict {
  const known = STATUS_CODES.get((code & 0xffff_0000) >>> 0)
  if (known !== undefined) return known
  const severity = code >>> 30
  if (severity === 0) return GOOD
  return severity === 1 ? SUSPECT : BAD
}

/**
 * The claim that the name of a status makes: `BadSensorFailure` as in OPC UA, `Bad, Sensor Failure` as in OPC Classic,
 * or the part behind the severity. Undefined: it is no such name. For a name that is not in the table its severity
 * counts; a good one must be an identifier like those of OPC UA, because `good, but frozen` is not good.
 * @param letters the letters of `text`, in lower case
 */
export function claimOfStatusName(text: string, letters: string): Verdict | undefined {
  const severity = /^(?:good|uncertain|bad)/.exec(letters)?.[0]
  const base = severity === undefined ? undefined : SEVERITIES.get(severity)
  if (severity === undefined || base === undefined || letters === severity) return base ?? SUB_STATUSES.get(letters)
  const rest = letters.slice(severity.length)
  if (NEUTRAL.has(rest)) return base
  const sub = SUB_STATUSES.get(rest)
  if (sub === MISSING) return MISSING
  if (sub !== undefined && base === GOOD) return combine(base, sub)
  if (sub !== undefined) return sub.quality === base.quality ? sub : { quality: base.quality, reasons: sub.reasons }
  if (/^(?:Good|Uncertain|Bad)[A-Z]\w*$/.test(text)) return base
  return base !== GOOD && /^(?:uncertain|bad)[^a-z]/i.test(text) ? base : undefined
}
