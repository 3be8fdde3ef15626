import { follows } from '../codec/run-name.ts'

/** Lines of one edge, and runs of each, that are remembered. */
const LINES_MAX = 4
const RUNS_MAX = 4

/** The runs of one store, as far as a receiver can tell. */
export interface Line {
  /** The newest at the end. */
  readonly runs: string[]
  /** Monotonic ms of its last message. */
  heardAt: number
  /** Its messages and those of a line before it come in turn. */
  isLater: boolean
  /** Monotonic ms of the first message that was refused because of that; undefined: none was. */
  refusedAt: number | undefined
}

/**
 * The lines of one edge, in the order in which they appeared. A store that is opened again continues its line. A copy of the
 * store seems to do so, too, until its original sends again: then everything after that run is a line of its own.
 */
export class Lines {
  readonly #lines: Line[] = []

  /** The newest run of each line. */
  get runs(): string[] {
    return this.#lines.map(({ runs }) => runs.at(-1)!)
  }

  /** The line to which a run belongs. */
  find(run: string): Line | undefined {
    return (
      this.#lines.find(({ runs }) => runs.includes(run)) ?? this.#lines.find(({ runs }) => follows(run, runs.at(-1)!))
    )
  }

  /** The one of two lines that appeared later. */
  later(one: Line, other: Line): Line {
    return this.#lines.indexOf(one) > this.#lines.indexOf(other) ? one : other
  }

  /**
   * A message of this run came.
   * @param now monotonic ms
   * @returns its line, and whether the run was known already
   */
  note(run: string, now: number): { readonly line: Line; readonly isBack: boolean } {
    const known = this.find(run)
    if (known === undefined) return { line: this.#add(run, now), isBack: false }
    const { runs } = known
    const at = runs.indexOf(run)
    if (at < 0) {
      runs.push(run)
      if (runs.length > RUNS_MAX) runs.shift()
    } else if (at < runs.length - 1) {
      const { heardAt } = known
      this.#lines.splice(this.#lines.indexOf(known) + 1, 0, {
        runs: runs.splice(at + 1),
        heardAt,
        isLater: false,
        refusedAt: undefined,
      })
      this.#shorten(known)
    }
    known.heardAt = now
    return { line: known, isBack: at >= 0 }
  }

  #add(run: string, now: number): Line {
    const line: Line = { runs: [run], heardAt: now, isLater: false, refusedAt: undefined }
    this.#lines.push(line)
    this.#shorten(line)
    return line
  }

  /** Forgets the line that was silent for longest. */
  #shorten(keep: Line): void {
    if (this.#lines.length <= LINES_MAX) return
    const others = this.#lines.filter((line) => line !== keep)
    const oldest = others.reduce((a, b) => (b.heardAt < a.heardAt ? b : a))
    this.#lines.splice(this.#lines.indexOf(oldest), 1)
  }
}
