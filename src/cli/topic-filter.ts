import { Exit, OperatorError } from '../base/errors.ts'
import { filterProblem } from '../base/topics.ts'

/** Checks a topic filter. @throws OperatorError (exit 64) if MQTT does not allow it */
export function topicFilter(filter: string): string {
  const problem = filterProblem(filter)
  if (problem === undefined) return filter
  throw new OperatorError(`"${filter}" is not a topic filter: ${problem}`, {
    remedy: 'give a topic, or a filter with + and #, such as plant/+/temp',
    exitCode: Exit.USAGE,
  })
}
