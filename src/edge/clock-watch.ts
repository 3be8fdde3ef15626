import type { Clock } from '../base/clock.ts'
import type { ElapsedClock } from '../base/elapsed-time.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Calls } from '../store-thread/protocol.ts'
import { readClockSync } from './clock-sync.ts'

/** How often the state of the system clock is asked (ms): more often while the system says that it is not synchronised. */
const EVERY_MS = { unsynced: 10_000, otherwise: 60_000 }

/** The call of the store thread that this part needs. */
export interface ClockThread {
  call(name: 'clock', request: Calls['clock']['request']): Promise<Calls['clock']['reply']>
}

/**
 * Reports to the store thread what is known about the time: whether the system clock is synchronised, and the time of
 * the receiver. It is also the store clock of the main thread, by which budgets count days and months.
 */
export class ClockWatch implements Part, Clock {
  readonly name = 'clock watch'
  readonly #thread: ClockThread
  readonly #elapsedClock: ElapsedClock
  readonly #syncedFile: string | undefined
  /** The store clock (UTC ms) at `elapsed`, as the store thread last said. */
  #known: { readonly time: number; readonly elapsed: number }
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  private constructor(
    thread: ClockThread,
    { elapsedClock, syncedFile, known }: ClockWatchOptions & { readonly known: { time: number; elapsed: number } },
  ) {
    this.#thread = thread
    this.#elapsedClock = elapsedClock
    this.#syncedFile = syncedFile
    this.#known = known
  }

  /** Resolves when the store thread knows whether the clock is synchronised: before the first reading arrives. */
  static async start(thread: ClockThread, options: ClockWatchOptions): Promise<ClockWatch> {
    const known = await thread.call('clock', {})
    const watch = new ClockWatch(thread, { ...options, known })
    await watch.#poll()
    return watch
  }

  /** The store clock, UTC ms. */
  now(): number {
    return this.#known.time + this.#elapsedClock.now() - this.#known.elapsed
  }

  /** A receiver has sent its time (UTC ms). */
  heard(at: number): void {
    void this.#report({ reference: { at, elapsed: this.#elapsedClock.now() } })
  }

  async #poll(): Promise<void> {
    const synchronised = await readClockSync(this.#syncedFile)
    if (this.#stopped) return
    await this.#report({ synchronised })
    this.#timer = setTimeout(() => void this.#poll(), synchronised === false ? EVERY_MS.unsynced : EVERY_MS.otherwise)
    this.#timer.unref()
  }

  /** The store may refuse to write (full disk), or be closed already: the next report repeats it. */
  async #report(evidence: Calls['clock']['request']): Promise<void> {
    try {
      this.#known = await this.#thread.call('clock', evidence)
    } catch {}
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}

export interface ClockWatchOptions {
  readonly elapsedClock: ElapsedClock
  /** `clock.syncedFile` of the settings. */
  readonly syncedFile: string | undefined
}
