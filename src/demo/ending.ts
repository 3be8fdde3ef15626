import { StopSignals } from '../base/stop-signals.ts'

/**
 * When the demo stops: a signal, a key, or after the given time. The second request ends the process at once; what was
 * acknowledged is on disk. Signals count from the construction to `close`.
 */
export class Ending {
  readonly #signals = new StopSignals(['SIGINT', 'SIGTERM', 'SIGHUP'])
  #timer: NodeJS.Timeout | undefined

  /** Fires at the first request. */
  get signal(): AbortSignal {
    return this.#signals.signal
  }

  /** @param exitCode with which the process ends if it was asked to stop before */
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
