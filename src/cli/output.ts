import { codeOf } from '../base/errors.ts'
import { printable, printableJson } from '../base/text/one-line.ts'

/**
 * Where a command prints: results go to standard output, remarks to standard error. Characters that do not show are
 * escaped: they may come from a device, and a terminal would obey them.
 */
export interface Output {
  /** One or more lines of the result. */
  print(text: string): void
  /** One or more lines for a program, such as CSV. They are escaped only on a terminal. */
  data(text: string): void
  /** The result as indented JSON. */
  json(data: unknown): void
  /** Resolves when all output has been written; false: the reader has closed the pipe. Long results wait for it page by page. */
  drained(): Promise<boolean>
  /** A remark for the user. */
  note(text: string): void
  /** A remark that the next one overwrites; printed on a terminal only. */
  progress(text: string): void
}

/** Standard output and standard error of this process. */
export class ProcessOutput implements Output {
  #failure: unknown
  #overwrites = ''

  constructor() {
    for (const stream of [process.stdout, process.stderr]) {
      // A closed pipe (`| head`) is not a failure: the exit code still reports how the command ended.
      stream.on('error', (trouble) => {
        if (codeOf(trouble) !== 'EPIPE') this.#failure ??= trouble
      })
    }
  }

  print(text: string): void {
    process.stdout.write(`${printable(text)}\n`)
  }

  data(text: string): void {
    process.stdout.write(`${process.stdout.isTTY ? printable(text) : text}\n`)
  }

  json(data: unknown): void {
    this.print(printableJson(data, 2))
  }

  drained(): Promise<boolean> {
    return new Promise((resolve) => process.stdout.write('', (trouble) => resolve(!trouble)))
  }

  note(text: string): void {
    process.stderr.write(`${this.#overwrites}${printable(text)}\n`)
    this.#overwrites = ''
  }

  progress(text: string): void {
    if (!process.stderr.isTTY) return
    process.stderr.write(`${ERASE_LINE}${printable(text)}`)
    this.#overwrites = ERASE_LINE
  }

  /**
   * Resolves when all output has left the process: with undefined, or with the error that lost some of it (a full disk).
   * Such an error does not stop a running command: an edge does not stop because a line could not be printed.
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
