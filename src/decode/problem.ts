/** Why a message is refused, and the place in it. Returned, not thrown: a bad payload is an expected case. */
export class PayloadProblem {
  readonly why: string
  /** Path below the current level. Each level above prepends its own step, so that a good message costs nothing. */
  readonly at: string

  constructor(why: string, at = '') {
    this.why = why
    this.at = at
  }

  /** The same problem with the path extended by one level at the front. */
  under(step: string | number): PayloadProblem {
    return new PayloadProblem(this.why, pathStep(step) + this.at)
  }

  /** The place and the reason: `$[3].humidity.value: a number beyond the range of a double`. */
  toString(): string {
    return `$${this.at}: ${this.why}`
  }
}

const KEY_CHARS_SHOWN_MAX = 40

function pathStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  if (/^[A-Za-z_][\w-]{0,39}$/.test(step)) return `.${step}`
  return `[${JSON.stringify(step.slice(0, KEY_CHARS_SHOWN_MAX))}]`
}
