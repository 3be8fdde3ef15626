import { constants } from 'node:os'

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The first signal fires `signal`; a second one ends the process at once, with the exit code that a shell expects. */
export class StopSignals {
  readonly #stop = new AbortController()
  readonly #names: readonly StopSignal[]
  readonly #heard: (name: NodeJS.Signals) => void

  /** @param reasonOf what `signal.reason` is after a signal of this name */
  constructor(names: readonly StopSignal[] = ['SIGINT', 'SIGTERM'], reasonOf?: (name: NodeJS.Signals) => Error) {
    this.#names = names
    this.#heard = (name) => this.request(128 + constants.signals[name], reasonOf?.(name))
    for (const name of names) process.on(name, this.#heard)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Acts as a signal does. @param exitCode with which the process ends if it was asked to stop before */
  request(exitCode: number, reason?: Error): void {
    if (this.#stop.signal.aborted) process.exit(exitCode)
    this.#stop.abort(reason)
  }

  /** The signals have their usual effect again. */
  forget(): void {
    for (const name of this.#names) process.off(name, this.#heard)
  }
}
