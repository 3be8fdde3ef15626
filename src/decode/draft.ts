import type { Reading } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import { PARTIALS_LISTED_MAX, READINGS_PER_MESSAGE_MAX, REASON_CHARS_MAX } from './limits.ts'
import { PayloadProblem, pathText, type Step } from './problem.ts'
import { PLAIN_RULES, type ReadingRules } from './rules.ts'

/** A field of a message that was not understood. */
export interface PartialReject {
  /** The place in the message: `$[3].humidity.value`. It stands for everything below it. */
  readonly path: string
  readonly reason: string
}

/** The fields of a message that were not understood, while its other fields were. */
export interface PartialRejects {
  /** Number of fields. */
  readonly count: number
  /** The first PARTIALS_LISTED_MAX of them. */
  readonly fields: readonly PartialReject[]
}

/** The readings of one message while it is decoded, and the fields that are not understood. */
export class DecodeDraft {
  readonly device: string
  /** UTC milliseconds; the time of readings that have none. */
  readonly receivedAt: number
  readonly rules: ReadingRules
  readonly readings: Reading[] = []
  /** The steps from the root of the message to the member that is being read. */
  readonly steps: Step[] = []
  /** Why the whole message is refused; set once, and readers stop when it is set. */
  refusal: PayloadProblem | undefined = undefined
  /** True when a name was composed in a way in which two fields could get the same name. */
  mayCollide = false
  /** For each reading the fields that its name was made from, and its place; undefined: not collected. */
  origins: { readonly key: string; readonly steps: readonly Step[] }[] | undefined = undefined
  #partials: PartialReject[] | undefined
  #partialCount = 0

  constructor(device: string, receivedAt: number, rules: ReadingRules = PLAIN_RULES) {
    this.device = device
    this.receivedAt = receivedAt
    this.rules = rules
  }

  /** Undefined: everything was understood. */
  get partial(): PartialRejects | undefined {
    return this.#partials === undefined ? undefined : { count: this.#partialCount, fields: this.#partials }
  }

  add(reading: Reading): void {
    const name = nameProblem(reading.metric)
    if (name !== undefined) return this.reject(`the metric has ${name}`)
    if (this.hasRoom(1)) this.readings.push(reading)
    this.origins?.push({ key: originKey(this.steps), steps: [...this.steps] })
  }

  /** Whether `count` more readings may follow. If not, the message is refused. */
  hasRoom(count: number): boolean {
    if (this.readings.length + this.#partialCount + count <= READINGS_PER_MESSAGE_MAX) return true
    this.refuse(`more than ${READINGS_PER_MESSAGE_MAX} readings in one message`)
    return false
  }

  refuse(why: string): void {
    this.refusal ??= new PayloadProblem(why, pathText(this.steps))
  }

  /** Notes that the field at the current place is not understood. */
  reject(why: string, steps: readonly Step[] = this.steps): void {
    if (!this.hasRoom(1)) return
    this.#partialCount++
    this.#partials ??= []
    if (this.#partials.length >= PARTIALS_LISTED_MAX) return
    this.#partials.push({ path: shortened(`$${pathText(steps)}`), reason: shortened(why) })
  }
}

/** Elements of arrays share their names, so their numbers do not count; nor does the member that holds the value. */
function originKey(steps: readonly Step[]): string {
  const names = steps.filter((step) => typeof step === 'string')
  return JSON.stringify(VALUES.has(names.at(-1) ?? '') ? names.slice(0, -1) : names)
}

const VALUES: ReadonlySet<string> = new Set(['value', 'v', 'Value', 'val'])

export function shortened(text: string): string {
  return text.slice(0, REASON_CHARS_MAX).toWellFormed()
}
