import type { ReadingRules } from './rules.ts'
import { zoneNamed } from './time/time-zone.ts'
import { isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/**
 * Earlier times cannot be times of readings. A clock without a battery starts at 1970, at 1980 (GPS), or anywhere in 2000
 * (most clock chips), and counters, spreadsheet dates and ticks fall before this, whatever unit is tried.
 */
export const TIME_MIN_MS = Date.UTC(2001, 0, 1)
/**
 * Later times cannot be times of readings. The seconds since 1900 (NTP) or 1904 (LabVIEW) of today, read as seconds since
 * 1970, fall behind this. Times between now and this are judged by the quality rules (TIME_FUTURE).
 */
export const TIME_END_MS = Date.UTC(2090, 0, 1)
/** A local time that is further ahead of the arrival than this, read as UTC, is in a zone that the route does not give. */
const LOCAL_AHEAD_MS_MAX = 300_000

/**
 * The magnitude of an epoch time determines its unit: below 10^10 seconds (until 2286), below 10^13 milliseconds, below
 * 10^16 microseconds, else nanoseconds.
 */
const SECONDS_BELOW = 1e10
const MILLISECONDS_BELOW = 1e13
const MICROSECONDS_BELOW = 1e16
const TIME_CHARS_MAX = 64

const EPOCH = /^[+-]?\d+(?:\.\d+)?(?:[eE]\+?\d{1,2})?$/
/** Groups of both patterns: year, separator, month, day, hour, minute, second, fraction, zone, its sign, hours, minutes. */
const ZONE = String.raw`([Zz]|UTC|GMT|([+-])(\d\d)(?::?(\d\d))?)`
/** ISO 8601 in the extended format, also with slashes or a space. */
const EXTENDED = new RegExp(
  String.raw`^(\d{4})([-/])(\d\d)\2(\d\d)(?:(?:[Tt_]| {1,2})(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?${ZONE})?)?$`,
)
/** ISO 8601 in the basic format, also without its T, and with milliseconds that follow without a separator. */
const BASIC = new RegExp(
  String.raw`^(\d{4})()(\d\d)(\d\d)(?:[Tt]?(\d\d)(\d\d)(?:(\d\d)(?:(?:[.,](?=\d)|(?=\d{3}(?:\D|$)))(\d+))?)?${ZONE}?)?$`,
)
/** Digits of a date with the time of day to the second, and with milliseconds, as a number. */
const COMPACT_NUMBER = /^\d{14}(?:\d{3})?(?:\.\d+)?$/

/** What is needed to read a time that does not say everything by itself. */
export interface TimeContext {
  /** UTC milliseconds. */
  readonly receivedAt: number
  readonly rules: Pick<ReadingRules, 'zone'>
}

/** A time that is only probable: it has no zone, or is ambiguous in its zone. */
export class UncertainTime {
  /** UTC milliseconds. */
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }
}

/** Why something is not the time of a reading. */
export class NotATime {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

const IMPOSSIBLE = new NotATime('a time outside the years 2001 to 2089')

/**
 * The time of a reading in UTC milliseconds, rounded down. It may be an epoch number in s, ms, µs or ns, the same as
 * text, ISO 8601, or the digits of a date with the time of day (`20261129083000`).
 */
export function timeOf(tree: Tree, context: TimeContext): number | UncertainTime | NotATime {
  switch (typeof tree) {
    case 'number':
    case 'bigint':
      return timeOfNumber(tree, context)
    case 'string':
      return timeOfText(tree, context)
    default:
      // MongoDB's notation of a date in JSON.
      if (isObject(tree) && tree.$date !== undefined) return timeOfDate(tree.$date, context)
      if (isObject(tree) && tree.timeInSeconds !== undefined) return timeOfSplit(tree)
      return new NotATime(`expected a time, found ${kindOf(tree)}`)
  }
}

function timeOfDate(date: Tree, context: TimeContext): number | UncertainTime | NotATime {
  const inner = isObject(date) ? (date.$numberLong ?? null) : date
  return isObject(inner) ? new NotATime('expected a time, found an object') : timeOf(inner, context)
}

/** The notation of AWS IoT SiteWise: `{"timeInSeconds": 1700000000, "offsetInNanos": 123000000}`. */
function timeOfSplit({ timeInSeconds, offsetInNanos }: TreeObject): number | NotATime {
  const nanos = offsetInNanos ?? 0
  if (typeof timeInSeconds !== 'number' || typeof nanos !== 'number' || nanos < 0 || nanos >= 1e9) {
    return new NotATime('expected timeInSeconds and offsetInNanos, both numbers')
  }
  return inRange(Math.floor(timeInSeconds) * 1_000 + Math.floor(nanos / 1e6))
}

/**
 * Seconds as milliseconds, rounded down; a double that misses a whole millisecond only by its last bits counts as it.
 */
export function secondsToMs(seconds: number): number {
  const ms = seconds * 1_000
  return Math.floor(ms + Math.abs(ms) * 2 * Number.EPSILON)
}

function timeOfNumber(epoch: number | bigint, context: TimeContext): number | UncertainTime | NotATime {
  const ms = typeof epoch === 'bigint' ? epochMsExact(epoch) : epochMs(epoch)
  if (isPossible(ms)) return ms
  // No epoch time of a possible year has 14 or 17 digits, in any unit.
  const digits = epoch >= MILLISECONDS_BELOW ? String(epoch) : ''
  const parts = COMPACT_NUMBER.test(digits) ? BASIC.exec(digits) : null
  return parts === null ? IMPOSSIBLE : timeOfParts(parts, context)
}

function epochMs(epoch: number): number {
  if (epoch < SECONDS_BELOW) return secondsToMs(epoch)
  if (epoch < MILLISECONDS_BELOW) return Math.floor(epoch)
  if (epoch < MICROSECONDS_BELOW) return Math.floor((epoch - (epoch % 1_000)) / 1_000)
  return Number.isFinite(epoch) ? epochMsExact(BigInt(epoch)) : epoch
}

/** For integers beyond 2^53, for which a division of doubles could round up. */
function epochMsExact(epoch: bigint): number {
  return Number(epoch < BigInt(MICROSECONDS_BELOW) ? epoch / 1_000n : epoch / 1_000_000n)
}

/** The time, unless it is impossible or NaN. @param ms UTC milliseconds */
export function inRange(ms: number): number | NotATime {
  return isPossible(ms) ? ms : IMPOSSIBLE
}

function isPossible(ms: number): boolean {
  return ms >= TIME_MIN_MS && ms < TIME_END_MS
}

function timeOfText(given: string, context: TimeContext): number | UncertainTime | NotATime {
  if (given.length > TIME_CHARS_MAX) return new NotATime(`a time of more than ${TIME_CHARS_MAX} characters`)
  const text = given.replace(/\0+$/, '').trim()
  if (EPOCH.test(text)) {
    const epoch = Number(text)
    const isInexact = /^\d+$/.test(text) && !Number.isSafeInteger(epoch)
    const found = timeOfNumber(isInexact ? BigInt(text) : epoch, context)
    if (!(found instanceof NotATime)) return found
  }
  const parts = EXTENDED.exec(text) ?? BASIC.exec(text)
  return parts === null ? new NotATime(`"${text}" is neither an epoch time nor ISO 8601`) : timeOfParts(parts, context)
}

function timeOfParts(parts: RegExpExecArray, { receivedAt, rules }: TimeContext): number | UncertainTime | NotATime {
  const localMs = wallClockMs(parts)
  if (localMs === undefined) return new NotATime(`"${parts[0]}" is not a valid date and time`)
  if (parts[9] !== undefined) {
    const ms = localMs - zoneMs(parts)
    return Number.isNaN(ms) ? new NotATime(`"${parts[0]}" has no valid time zone`) : inRange(ms)
  }
  if (!isPossible(localMs)) return IMPOSSIBLE
  if (rules.zone !== undefined) {
    const { ms, certain } = zoneNamed(rules.zone).toUtc(localMs, receivedAt + LOCAL_AHEAD_MS_MAX)
    return certain ? inRange(ms) : new UncertainTime(ms)
  }
  // An edge whose own clock is impossible cannot tell whether a time is ahead.
  if (localMs > receivedAt + LOCAL_AHEAD_MS_MAX && isPossible(receivedAt)) {
    return new NotATime(`"${parts[0]}" has no time zone and is later than its arrival: set \`zone\` of the route`)
  }
  return new UncertainTime(localMs)
}

/** Date and time of day as if they were UTC, in milliseconds; undefined: there is no such date or time. */
function wallClockMs(parts: RegExpExecArray): number | undefined {
  const field = (index: number): number => Number(parts[index] ?? 0)
  const [year, month, day, hour, minute, second] = [field(1), field(3), field(4), field(5), field(6), field(7)]
  const midnight = Date.UTC(year, month - 1, day)
  const date = new Date(midnight)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  // Second 60 is a leap second (RFC 3339 §5.6); POSIX time counts it as the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const millisecond = Number((parts[8] ?? '').slice(0, 3).padEnd(3, '0'))
  return midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + millisecond
}

/** Milliseconds east of UTC; NaN: no zone has that offset. */
function zoneMs(parts: RegExpExecArray): number {
  const [hour, minute] = [Number(parts[11] ?? 0), Number(parts[12] ?? 0)]
  if (hour > 23 || minute > 59) return Number.NaN
  return (parts[10] === '-' ? -1 : 1) * (hour * 60 + minute) * 60_000
}
