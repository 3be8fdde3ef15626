import { OperatorError } from '../base/errors.ts'
import { StopSignals } from '../base/stop-signals.ts'

/**
 * SIGINT and SIGTERM while a command works. The reason of the signal is an OperatorError.
 * @param what what was stopped, for the message
 * @param remedy what the person who stopped it should know
 */
export function stopSignals(what: string, remedy: string): StopSignals {
  return new StopSignals(undefined, (name) => new OperatorError(`${what} was stopped by ${name}`, { remedy }))
}
