/** Values as PostgreSQL reads them in a statement or as an element of an array. */

/** The earliest time that PostgreSQL knows, 24 November 4714 BC (UTC milliseconds). Its latest lies beyond the wire's. */
export const TS_MIN = -210_866_803_200_000

/** Shown in a text in place of U+0000, which PostgreSQL does not know. */
const NUL_SYMBOL = '\u2400'

/** A time in ISO 8601 as PostgreSQL has it, with any year: `2026-11-24 16:00:00.000+00`. */
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

/** The text as a person reads it in PostgreSQL. */
export function shown(text: string): string {
  return text.replaceAll('\0', NUL_SYMBOL)
}

/** A name as SQL takes it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
