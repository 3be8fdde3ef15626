import { codeOf } from '../base/errors.ts'

/** Where a command prints: data on standard output, words about the work on standard error. */
export interface Output {
  /** One line or several of what was asked for. */
  print(text: string): void
  /** What was asked for, as indented JSON. */
  json(data: unknown): void
  /** Resolves when all that was printed has been taken; false: nobody reads on. Long answers wait for it page by page. */
  taken(): Promise<boolean>
  /** A remark for the person who waits. */
  note(text: string): void
  /** A remark that the next one overwrites; only where a person watches a terminal. */
  progress(text: string): void
}

/** Standard output and standard error of this process. */
export class ProcessOutput implements Output {
  #failure: unknown
  #overwrites = ''

  constructor() {
    for (const stream of [process.stdout, process.stderr]) {
      // Whoever stops reading (`| head`) misses the rest, and the exit code keeps its meaning.
      stream.on('error', (trouble) => {
        if (codeOf(trouble) !== 'EPIPE') this.#failure ??= trouble
      })
    }
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`)
  }

  json(data: unknown): void {
    this.print(JSON.stringify(data, null, 2))
  }

  taken(): Promise<boolean> {
    return new Promise((resolve) => process.stdout.write('', (trouble) => resolve(!trouble)))
  }

  note(text: string): void {
    process.stderr.write(`${this.#overwrites}${text}\n`)
    this.#overwrites = ''
  }

  progress(text: string): void {
    if (!process.stderr.isTTY) return
    process.stderr.write(`${ERASE_LINE}${text}`)
    this.#overwrites = ERASE_LINE
  }

  /**
   * Resolves when all that was printed has left the process: with undefined, or with why some of it did not arrive
   * (a full disk). Until then such trouble ends nothing: an edge does not stop for a line that nobody could read.
   */
  async flushed(): Promise<unknown> {
    if (this.#overwrites !== '') process.stderr.write(this.#overwrites)
    for (const stream of [process.stderr, process.stdout]) {
      await new Promise<void>((resolve) => stream.write('', () => resolve()))
    }
    return this.#failure
  }
}

const ERASE_LINE = '\r\u001b[2K'
