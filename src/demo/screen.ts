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
 * Output for a person. On a terminal the last line is live: it is overwritten in place, and keys are read one by one.
 * Elsewhere all lines are plain, without escape codes. NO_COLOR (https://no-color.org) removes the colours.
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
      process.once('exit', this.#restore) // restores the terminal, however the process ends
    }
  }

  get hasKeys(): boolean {
    return this.#keys !== undefined
  }

  /** How often to update the state (milliseconds). */
  get everyMs(): number {
    return this.#live ? LIVE_EVERY_MS : PLAIN_EVERY_MS
  }

  /** Calls `handle` for every key from now on; Ctrl-C is '\u0003'. */
  onKey(handle: (key: string) => void): void {
    this.#keys?.setRawMode(true)
    this.#keys?.setEncoding('utf8').on('data', (keys) => {
      for (const key of String(keys)) handle(key)
    })
  }

  /** Prints permanent lines. */
  print(...lines: readonly string[]): void {
    const erase = this.#shows ? ERASE_LINE : ''
    this.#shows = false
    this.#output.write(`${erase}${lines.join('\n')}\n`)
  }

  /** Shows the state; on a terminal it overwrites the previous state. */
  show(spans: readonly Span[]): void {
    if (!this.#live) return this.print(paint(spans, { width: Number.POSITIVE_INFINITY, colours: false }))
    const columns = 'columns' in this.#output ? this.#output.columns : WIDTH_DEFAULT
    // The last column stays free: some terminals wrap after a full line.
    const line = paint(spans, { width: (columns || WIDTH_DEFAULT) - 1, colours: this.#colours })
    this.#output.write(`${ERASE_LINE}${line}`)
    this.#shows = true
  }

  /** Restores the terminal. A second call does nothing. */
  close(): void {
    if (!this.#live) return
    process.off('exit', this.#restore)
    this.#keys?.setRawMode(false)
    this.#keys?.pause()
    this.#output.write(`${this.#shows ? '\n' : ''}${SHOW_CURSOR}`)
    this.#shows = false
  }
}
