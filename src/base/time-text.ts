/** ISO 8601: a day, or a day and a time of day. */
const ISO_8601 = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?<zone>[Zz]|[+-]\d\d:\d\d)?)?$/
const DURATION = /^(?<count>\d{1,15})(?<unit>ms|s|m|h|d|w)$/
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** How to write a time, for error texts. */
export const TIME_HELP = 'a day as 2026-01-31, a time as 2026-01-31T08:00:00Z (without a zone it is UTC), -24h or now'
/** How to write a duration, for error texts. */
export const DURATION_HELP = 'a whole number and a unit: 500ms, 10s, 5m, 1h, 1d, 1w'

/**
 * Parses a time to UTC milliseconds: ISO 8601, either a day (00:00 UTC) or a day with a time (UTC if it has no zone);
 * `now`; or a time relative to `now`, such as `-24h` or `+5m`. Undefined: not a valid time.
 */
export function parseTime(text: string, now: number): number | undefined {
  if (text === 'now') return now
  if (/^[+-]/.test(text)) {
    const ms = parseDuration(text.slice(1))
    return ms === undefined ? undefined : now + (text.startsWith('-') ? -ms : ms)
  }
  const found = ISO_8601.exec(text)
  const inUtc = text.length > 10 && found?.groups?.zone === undefined ? `${text}Z` : text
  const ts = found === null ? Number.NaN : Date.parse(inUtc.replace(' ', 'T').toUpperCase())
  // Date.parse accepts the 30th of February as a day in March.
  const day = Number(text.slice(8, 10))
  return !Number.isNaN(ts) && new Date(`${text.slice(0, 10)}T00:00Z`).getUTCDate() === day ? ts : undefined
}

/**
 * Parses a duration such as `500ms`, `10s`, `5m`, `1h`, `1d` or `1w` to milliseconds, at least 1. Undefined: not valid.
 */
export function parseDuration(text: string): number | undefined {
  const { count, unit } = DURATION.exec(text)?.groups ?? {}
  const ms = Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  return ms >= 1 && Number.isSafeInteger(ms) ? ms : undefined
}

const SHOWN_UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** A duration (ms) for people, in its two largest units: `2 d 4 h`, `3 min 20 s`, `45 s`, `0.3 s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000) * 1_000
  const at = SHOWN_UNITS.findIndex(([, unitMs]) => seconds >= unitMs)
  const [unit, unitMs] = SHOWN_UNITS[at]!
  const [smaller, smallerMs] = SHOWN_UNITS[at + 1] ?? ['', Infinity]
  const rest = Math.floor((seconds % unitMs) / smallerMs)
  return `${Math.floor(seconds / unitMs)} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ''}`
}
