import { OperatorError } from '../base/errors.ts'
import { StopSignals } from '../base/stop-signals.ts'

/**
 * Handles SIGINT and SIGTERM while a command runs. The reason of the abort signal is an OperatorError.
 * @param what name of the work that was stopped, for the message
 * @param remedy what state the work is left in, and how to continue
 */
export function stopSignals(what: string, remedy: string): StopSignals {
  return new StopSignals(undefined, (name) => new OperatorError(`${what} was stopped by ${name}`, { remedy }))
}
