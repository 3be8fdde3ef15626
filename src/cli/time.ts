import { Exit, OperatorError } from '../base/errors.ts'

const ISO_8601 = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?<zone>[Zz]|[+-]\d\d:\d\d)?)?$/

/**
 * The time that an option gives, in UTC milliseconds: ISO 8601 as a date, which is its beginning, or with a time of day;
 * in UTC where it names no zone. @throws OperatorError (exit 64) that names the option.
 */
export function timeOption(name: string, text: string): number {
  const found = ISO_8601.exec(text)
  const inUtc = text.length > 10 && found?.groups?.zone === undefined ? `${text}Z` : text
  const ts = found === null ? Number.NaN : Date.parse(inUtc.replace(' ', 'T').toUpperCase())
  // JavaScript takes the 30th of February for a day in March.
  const day = Number(text.slice(8, 10))
  if (!Number.isNaN(ts) && new Date(`${text.slice(0, 10)}T00:00Z`).getUTCDate() === day) return ts
  throw new OperatorError(`--${name} "${text}" is no time`, {
    remedy: 'give a day as 2026-01-31 or a time as 2026-01-31T08:00:00Z; without a zone it is UTC',
    exitCode: Exit.USAGE,
  })
}
