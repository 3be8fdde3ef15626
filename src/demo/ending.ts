import { StopSignals } from '../base/stop-signals.ts'

/**
 * Stops the demo: on a signal, on a key, or after a time. A second request ends the process at once; everything that was
 * acknowledged is on disk. Signals are handled from the construction until `close`.
 */
export class Ending {
  readonly #signals = new StopSignals(['SIGINT', 'SIGTERM', 'SIGHUP'])
  #timer: NodeJS.Timeout | undefined

  /** Fires at the first request. */
  get signal(): AbortSignal {
    return this.#signals.signal
  }

  /** @param exitCode exit code of the process if this is the second request */
  request(exitCode: number): void {
    this.#signals.request(exitCode)
  }

  /** Stops after this many seconds. */
  after(seconds: number): void {
    this.#timer = setTimeout(() => {
      if (!this.signal.aborted) this.#signals.request(0)
    }, seconds * 1_000)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#signals.forget()
  }
}
