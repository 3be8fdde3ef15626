import type { Account } from './account.ts'
import { helpLine, type Intro, introLines, liveLine, summaryLines } from './display.ts'
import type { Screen } from './screen.ts'
import { RateMeter, type Snapshot } from './snapshot.ts'

/** Where the demo tells what happens. */
export interface Report {
  /** How often the state is wanted, in milliseconds. */
  readonly everyMs: number
  started(intro: Intro): void
  state(snapshot: Snapshot): void
  /** Something changed that a person should know. */
  note(text: string): void
  ended(account: Account): void
}

/** For a person: a few lines at both ends, and one that lives between them. */
export class ScreenReport implements Report {
  readonly #screen: Screen
  readonly #rates = new RateMeter()

  constructor(screen: Screen) {
    this.#screen = screen
  }

  get everyMs(): number {
    return this.#screen.everyMs
  }

  started(intro: Intro): void {
    this.#screen.print(...introLines(intro), helpLine(this.#screen.hasKeys), '')
  }

  state(snapshot: Snapshot): void {
    this.#screen.show(liveLine(snapshot, this.#rates.take(snapshot)))
  }

  note(text: string): void {
    this.#screen.print(text)
  }

  ended(account: Account): void {
    this.#screen.print('', ...summaryLines(account))
  }
}

/** For programs: one JSON object a line, told apart by `event`; the last one is the `summary`. */
export class JsonReport implements Report {
  readonly everyMs = 2_000
  readonly #write: (line: string) => void

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  started(intro: Intro): void {
    this.#line('started', intro)
  }

  state(snapshot: Snapshot): void {
    this.#line('state', snapshot)
  }

  note(text: string): void {
    this.#line('note', { text })
  }

  ended(account: Account): void {
    this.#line('summary', account)
  }

  #line(event: string, data: object): void {
    this.#write(`${JSON.stringify({ event, ...data })}\n`)
  }
}
