/** Why a message is refused and where in it. Returned, not thrown: a bad payload is news about the device. */
export class Problem {
  readonly why: string
  /** Path from the level that reports it; the levels above prepend theirs as it passes, so a good message pays nothing. */
  readonly at: string

  constructor(why: string, at = '') {
    this.why = why
    this.at = at
  }

  /** The same problem as seen from one level further up. */
  under(step: string | number): Problem {
    return new Problem(this.why, pathStep(step) + this.at)
  }

  /** `$[3].humidity.value: a number beyond the range of a double` */
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
