import { PayloadProblem } from './problem.ts'
import { kindOf, type Tree } from './tree.ts'

/**
 * 2262-01-01T00:00:00Z. Times from 1970 until this one are accepted, the range of nanoseconds in 64 bits. Others are
 * refused: either the unit or the clock is wrong, and the reading would keep that wrong time for ever.
 */
const END_MS = Date.UTC(2262, 0, 1)

/**
 * The magnitude of an epoch time determines its unit: below 10^10 seconds (until 2286), below 10^13 milliseconds, below
 * 10^16 microseconds, else nanoseconds. Times before 1970-04-26 cannot be given in the finer units.
 */
const SECONDS_BELOW = 1e10
const MILLISECONDS_BELOW = 1e13
const MICROSECONDS_BELOW = 1e16
const TIME_CHARS_MAX = 64

const EPOCH = /^-?\d+(?:\.\d+)?$/
const ISO_8601 =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?$/

/**
 * The time of a reading in UTC milliseconds, rounded down. It may be an epoch number in s, ms, µs or ns, the same as
 * text, or ISO 8601 in the extended format; without a zone it is UTC.
 */
export function timeOf(tree: Tree): number | PayloadProblem {
  switch (typeof tree) {
    case 'number':
      return inRange(epochMs(tree))
    case 'bigint':
      return inRange(epochMsExact(tree))
    case 'string':
      return timeOfText(tree)
    default:
      return new PayloadProblem(`expected a time, found ${kindOf(tree)}`)
  }
}

/**
 * Seconds as milliseconds, rounded down; a double that misses a whole millisecond only by its last bits counts as it.
 */
export function secondsToMs(seconds: number): number {
  const ms = seconds * 1_000
  return Math.floor(ms + Math.abs(ms) * 2 * Number.EPSILON)
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

/** The time, or a problem if it is outside the accepted years or NaN. @param ms UTC milliseconds */
export function inRange(ms: number): number | PayloadProblem {
  return ms >= 0 && ms < END_MS ? ms : new PayloadProblem('a time outside the years 1970 to 2261')
}

function timeOfText(text: string): number | PayloadProblem {
  if (text.length > TIME_CHARS_MAX) return new PayloadProblem(`a time of more than ${TIME_CHARS_MAX} characters`)
  if (EPOCH.test(text)) {
    const epoch = Number(text)
    return timeOf(Number.isInteger(epoch) && !Number.isSafeInteger(epoch) && !text.includes('.') ? BigInt(text) : epoch)
  }
  const parts = ISO_8601.exec(text)
  if (parts === null) return new PayloadProblem(`"${text}" is neither an epoch time nor ISO 8601`)
  const ms = isoMs(parts)
  return ms === undefined ? new PayloadProblem(`"${text}" is not a valid date and time`) : inRange(ms)
}

function isoMs(parts: RegExpExecArray): number | undefined {
  const field = (index: number): number => Number(parts[index] ?? 0)
  const [year, month, day, hour, minute, second] = [field(1), field(2), field(3), field(4), field(5), field(6)]
  const [zoneHour, zoneMinute] = [field(9), field(10)]
  const midnight = Date.UTC(year, month - 1, day)
  const date = new Date(midnight)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  // Second 60 is a leap second (RFC 3339 §5.6); POSIX time counts it as the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59) return undefined
  const millisecond = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const zoneMinutes = (parts[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute)
  return midnight + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1_000 + millisecond
}
