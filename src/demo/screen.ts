import type { ReadStream, WriteStream } from 'node:tty'
import { paint, type Span } from './display.ts'

const ERASE_LINE = '\r\u001b[2K'
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const PLAIN_EVERY_MS = 2_000
const LIVE_EVERY_MS = 250
const WIDTH_DEFAULT = 80

export interface ScreenOptions {
  readonly output: WriteStream | NodeJS.WritableStream
  readonly input: ReadStream | NodeJS.ReadableStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Lines for a person. On a terminal the last one is live: it is written over in place, and keys are read one by one.
 * Elsewhere all are plain, without an escape code. NO_COLOR (https://no-color.org) takes the colours away.
 */
export class Screen {
  readonly #output: ScreenOptions['output']
  readonly #live: boolean
  readonly #colours: boolean
  readonly #keys: ReadStream | undefined
  #shows = false
  readonly #restore = (): void => this.close()

  constructor({ output, input, env }: ScreenOptions) {
    this.#output = output
    this.#live = 'isTTY' in output && output.isTTY && env.TERM !== 'dumb'
    this.#colours = this.#live && !env.NO_COLOR
    this.#keys = this.#live && 'setRawMode' in input && input.isTTY ? input : undefined
    if (this.#live) {
      output.write(HIDE_CURSOR)
      process.once('exit', this.#restore) // whatever ends the process, the terminal is left as it was
    }
  }

  get hasKeys(): boolean {
    return this.#keys !== undefined
  }

  /** How often the state is worth showing. */
  get everyMs(): number {
    return this.#live ? LIVE_EVERY_MS : PLAIN_EVERY_MS
  }

  /** Hands over every key from now on; Ctrl-C comes as '\u0003'. */
  onKey(handle: (key: string) => void): void {
    this.#keys?.setRawMode(true)
    this.#keys?.setEncoding('utf8').on('data', (keys) => {
      for (const key of String(keys)) handle(key)
    })
  }

  /** Lines that stay. */
  print(...lines: readonly string[]): void {
    const erase = this.#shows ? ERASE_LINE : ''
    this.#shows = false
    this.#output.write(`${erase}${lines.join('\n')}\n`)
  }

  /** The state: it takes the place of the one before where that is possible. */
  show(spans: readonly Span[]): void {
    if (!this.#live) return this.print(paint(spans, { width: Number.POSITIVE_INFINITY, colours: false }))
    const columns = 'columns' in this.#output ? this.#output.columns : WIDTH_DEFAULT
    // The last column stays free: a full line makes some terminals go on to the next one.
    const line = paint(spans, { width: (columns || WIDTH_DEFAULT) - 1, colours: this.#colours })
    this.#output.write(`${ERASE_LINE}${line}`)
    this.#shows = true
  }

  /** Leaves the terminal as it was. Calling it twice is harmless. */
  close(): void {
    if (!this.#live) return
    process.off('exit', this.#restore)
    this.#keys?.setRawMode(false)
    this.#keys?.pause()
    this.#output.write(`${this.#shows ? '\n' : ''}${SHOW_CURSOR}`)
    this.#shows = false
  }
}
