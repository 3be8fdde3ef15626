import type { DemoAccount } from './account.ts'
import { helpLine, type Intro, introLines, liveLine, summaryLines } from './display.ts'
import type { Screen } from './screen.ts'
import { RateMeter, type Snapshot } from './snapshot.ts'

/** The output of the demo. */
export interface DemoReport {
  /** How often to call `state` (milliseconds). */
  readonly everyMs: number
  started(intro: Intro): void
  state(snapshot: Snapshot): void
  /** An event that the user should see. */
  note(text: string): void
  ended(account: DemoAccount): void
}

/** For a person: an introduction, a live status line, and a summary. */
export class ScreenReport implements DemoReport {
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

  ended(account: DemoAccount): void {
    this.#screen.print('', ...summaryLines(account))
  }
}

/** For programs: one JSON object per line, with its kind in `event`; the last one is the `summary`. */
export class JsonReport implements DemoReport {
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

  ended(account: DemoAccount): void {
    this.#line('summary', account)
  }

  #line(event: string, data: object): void {
    this.#write(`${JSON.stringify({ event, ...data })}\n`)
  }
}
