/** A step into a message: the name of a member, or the number of an element. */
export type Step = string | number

/** Why a part of a message is not understood, and the place. Returned, not thrown: a bad payload is an expected case. */
export class PayloadProblem {
  readonly why: string
  /** Path from the root of the message, or below the current level. */
  readonly at: string

  constructor(why: string, at = '') {
    this.why = why
    this.at = at
  }

  /** The same problem with the path extended by one level at the front. */
  under(step: Step): PayloadProblem {
    return new PayloadProblem(this.why, pathStep(step) + this.at)
  }

  /** The place and the reason: `$[3].humidity.value: a number beyond the range of a double`. */
  toString(): string {
    return `$${this.at}: ${this.why}`
  }
}

const KEY_CHARS_SHOWN_MAX = 40

/** The place of a field, without the `$` of the root. */
export function pathText(steps: readonly Step[]): string {
  return steps.map(pathStep).join('')
}

function pathStep(step: Step): string {
  if (typeof step === 'number') return `[${step}]`
  if (/^[A-Za-z_][\w-]{0,39}$/.test(step)) return `.${step}`
  return `[${JSON.stringify(step.slice(0, KEY_CHARS_SHOWN_MAX))}]`
}
