import { systemClock } from '../base/clock.ts'
import { Exit, OperatorError } from '../base/errors.ts'
import { DURATION_HELP, parseDuration, parseTime, TIME_HELP } from '../base/time-text.ts'

/** The time that an option gives, in UTC milliseconds (`parseTime`). @throws OperatorError (exit 64) that names the option. */
export function timeOption(name: string, text: string, now = systemClock.now()): number {
  const ts = parseTime(text, now)
  if (ts !== undefined) return ts
  throw new OperatorError(`--${name} "${text}" is no time`, { remedy: `give ${TIME_HELP}`, exitCode: Exit.USAGE })
}

/** The duration that an option gives, in milliseconds (`parseDuration`). @throws OperatorError likewise. */
export function durationOption(name: string, text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new OperatorError(`--${name} "${text}" is no duration`, {
    remedy: `give ${DURATION_HELP}`,
    exitCode: Exit.USAGE,
  })
}
