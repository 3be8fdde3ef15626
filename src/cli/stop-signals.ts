import { constants } from 'node:os'
import { OperatorError } from '../base/errors.ts'

/** SIGINT and SIGTERM while a command works: the first one fires `signal`, a second one ends the process at once. */
export class StopSignals {
  readonly #stop = new AbortController()
  readonly #heard: (name: NodeJS.Signals) => void

  /** @param remedy what the person should know who stopped `what`. */
  constructor(what: string, remedy: string) {
    this.#heard = (name) => {
      if (this.#stop.signal.aborted) process.exit(128 + constants.signals[name])
      this.#stop.abort(new OperatorError(`${what} was stopped by ${name}`, { remedy }))
    }
    process.on('SIGINT', this.#heard).on('SIGTERM', this.#heard)
  }

  /** Its reason is an OperatorError. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** The signals have their usual effect again. */
  forget(): void {
    process.off('SIGINT', this.#heard).off('SIGTERM', this.#heard)
  }
}
