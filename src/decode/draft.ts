import type { Reading } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import { READINGS_PER_MESSAGE_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { PLAIN_RULES, type ReadingRules } from './rules.ts'

/** The readings of one message while it is decoded. After a problem none of them is used. */
export class DecodeDraft {
  readonly device: string
  /** UTC milliseconds; the time of readings that have none. */
  readonly receivedAt: number
  readonly rules: ReadingRules
  readonly readings: Reading[] = []

  constructor(device: string, receivedAt: number, rules: ReadingRules = PLAIN_RULES) {
    this.device = device
    this.receivedAt = receivedAt
    this.rules = rules
  }

  add(reading: Reading): PayloadProblem | undefined {
    const name = nameProblem(reading.metric)
    if (name !== undefined) return new PayloadProblem(`the metric has ${name}`)
    if (this.readings.length >= READINGS_PER_MESSAGE_MAX) {
      return new PayloadProblem(`more than ${READINGS_PER_MESSAGE_MAX} readings in one message`)
    }
    this.readings.push(reading)
    return undefined
  }
}
