import type { Clock } from '../../base/clock.ts'
import type { ElapsedClock } from '../../base/elapsed-time.ts'
import { STEP_MS } from './clock-limits.ts'

/** The present run of the system clock: its number changes when the clock is set back by more than a minute. */
export class ClockRun {
  readonly #system: Clock
  readonly #elapsedClock: ElapsedClock
  /** System clock minus elapsed time (ms): it changes only when the system clock is set. */
  #difference: number
  #number = 0

  constructor(system: Clock, elapsedClock: ElapsedClock) {
    this.#system = system
    this.#elapsedClock = elapsedClock
    this.#difference = this.#read()
  }

  get number(): number {
    return this.#number
  }

  compare(): void {
    const difference = this.#read()
    if (difference < this.#difference - STEP_MS) this.#number++
    this.#difference = difference
  }

  /** An arrival is earlier than those before it. It may have waited since before the clock was set. */
  next(): void {
    this.#number++
  }

  #read(): number {
    return this.#system.now() - this.#elapsedClock.now()
  }
}
