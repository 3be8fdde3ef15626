import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * When it is time to stop: a signal, a key, or the given time. The second request ends the process at once: what was
 * acknowledged is on disk. Signals are heard from the construction to `close`.
 */
export class Ending {
  readonly #ended = new AbortController()
  readonly #heard = (name: NodeJS.Signals): void => this.request(128 + constants.signals[name])
  #timer: NodeJS.Timeout | undefined

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#heard)
  }

  /** Fires at the first request. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** @param exitCode with which the process ends if it was asked before */
  request(exitCode: number): void {
    if (this.#ended.signal.aborted) process.exit(exitCode)
    this.#ended.abort()
  }

  /** Asks by itself after so many seconds. */
  after(seconds: number): void {
    this.#timer = setTimeout(() => this.#ended.abort(), seconds * 1_000)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const name of SIGNALS) process.off(name, this.#heard)
  }
}
