import { systemClock } from '../base/clock.ts'
import { Exit, OperatorError } from '../base/errors.ts'
import { DURATION_HELP, parseDuration, parseTime, TIME_HELP } from '../base/time-text.ts'

/** Parses the time of an option: UTC milliseconds (`parseTime`). @throws OperatorError (exit 64) with the option's name */
export function timeOption(name: string, text: string, now = systemClock.now()): number {
  const ts = parseTime(text, now)
  if (ts !== undefined) return ts
  throw new OperatorError(`--${name} "${text}" is not a time`, { remedy: `give ${TIME_HELP}`, exitCode: Exit.USAGE })
}

/** Parses the duration of an option: milliseconds (`parseDuration`). @throws OperatorError (exit 64) with the option's name */
export function durationOption(name: string, text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new OperatorError(`--${name} "${text}" is not a duration`, {
    remedy: `give ${DURATION_HELP}`,
    exitCode: Exit.USAGE,
  })
}
