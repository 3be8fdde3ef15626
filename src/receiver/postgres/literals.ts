/** Values as PostgreSQL reads them in a statement or as an element of an array. */

/**
 * The earliest time that PostgreSQL can store, 24 November 4714 BC (UTC milliseconds). Its latest is beyond the wire
 * format's.
 */
export const TS_MIN = -210_866_803_200_000

/** Replaces U+0000 in a text, which PostgreSQL cannot store. */
const NUL_SYMBOL = '\u2400'

/** A time in PostgreSQL's ISO 8601 format, for any year: `2026-11-24 16:00:00.000+00`. */
export function timestamp(ms: number): string {
  const time = new Date(ms)
  const year = time.getUTCFullYear()
  const era = year > 0 ? '' : ' BC'
  const two = (part: number): string => String(part).padStart(2, '0')
  const date = [
    String(year > 0 ? year : 1 - year).padStart(4, '0'),
    two(time.getUTCMonth() + 1),
    two(time.getUTCDate()),
  ]
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map(two)
  return `${date.join('-')} ${clock.join(':')}.${String(time.getUTCMilliseconds()).padStart(3, '0')}+00${era}`
}

/** An array of numbers or times: nothing in them needs an escape. */
export function arrayOf(items: Iterable<number | string>): string {
  return `{${Array.from(items, (item) => (typeof item === 'string' ? `"${item}"` : item)).join(',')}}`
}

export function hasNul(text: string): boolean {
  return text.includes('\0')
}

/** The readable form of a text in PostgreSQL: U+2400 replaces U+0000. */
export function shown(text: string): string {
  return text.replaceAll('\0', NUL_SYMBOL)
}

/** A name, quoted for SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
