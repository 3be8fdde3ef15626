import { constants } from 'node:os'

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The first signal aborts `signal`; a second one ends the process at once with exit code 128 + the signal's number. */
export class StopSignals {
  readonly #stop = new AbortController()
  readonly #names: readonly StopSignal[]
  readonly #onSignal: (name: NodeJS.Signals) => void

  /** @param reasonOf returns the `signal.reason` for a signal name */
  constructor(names: readonly StopSignal[] = ['SIGINT', 'SIGTERM'], reasonOf?: (name: NodeJS.Signals) => Error) {
    this.#names = names
    this.#onSignal = (name) => this.request(128 + constants.signals[name], reasonOf?.(name))
    for (const name of names) process.on(name, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /**
   * Acts like a signal.
   * @param exitCode of the process if a stop was requested before
   */
  request(exitCode: number, reason?: Error): void {
    if (this.#stop.signal.aborted) process.exit(exitCode)
    this.#stop.abort(reason)
  }

  /** Removes the handlers: signals have their default effect again. */
  forget(): void {
    for (const name of this.#names) process.off(name, this.#onSignal)
  }
}
