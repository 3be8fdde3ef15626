import type { Clock } from '../base/clock.ts'
import { isStoreTrouble } from '../store/housekeeping/space.ts'
import type { Store } from '../store/store.ts'
import type { Notice } from './protocol.ts'

/** Without a batch for so long, the thread has time for housekeeping (ms). */
const BUSY_MS = 50
/**
 * While a backlog leaves, its next part is always wanted soon. So long after one (ms) whatever tidying can wait takes one slice
 * after such a pause (ms) only: it would have the processor that the drain needs, and a drain can take days.
 */
const DRAIN_MS = 1_000
const DRAIN_PAUSE_MS = 200
/** How often it looks whether something is due, when nothing comes (ms); and again after a disk that failed. */
const EVERY_MS = 10_000
const RETRY_MS = 1_000
/** Where room is short, housekeeping has so long at a turn (ms). */
const SHORT_MS = 12

export interface HousekeepingTimerDependencies {
  readonly clock: Clock
  /** Does something, and goes on where it stumbles over a damaged block. */
  readonly passingDamage: <T>(work: () => T) => T
  /** After a slice; it throws nothing. */
  readonly checkpoint: () => void
  readonly notify: (notice: Notice) => void
}

/** When the store thread does what nobody waits for: between messages, one slice at a time. */
export class HousekeepingTimer {
  readonly #store: Store
  readonly #deps: HousekeepingTimerDependencies
  readonly #interval: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  /** When the last batch came, and when a part of a backlog left (monotonic ms). */
  #heardAt = Number.NEGATIVE_INFINITY
  #leftAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(store: Store, dependencies: HousekeepingTimerDependencies) {
    this.#store = store
    this.#deps = dependencies
    this.#interval = setInterval(() => {
      store.upkeep.forecaster.observe(store.lastSeq, performance.now())
      this.#soon(0)
    }, EVERY_MS).unref()
    this.#soon(0)
  }

  /** A batch was committed. */
  committed(): void {
    this.#heardAt = performance.now()
    this.#soon(0)
  }

  /** A part of a backlog left. */
  left(): void {
    this.#leftAt = performance.now()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#interval)
    clearTimeout(this.#timer)
  }

  /** One slice, then whoever waits, then the next. A full disk ends it for a while. */
  #soon(ms: number): void {
    if (this.#timer !== undefined || this.#stopped) return
    const slice = (): void => {
      this.#timer = undefined
      const more = this.#runHousekeeping()
      if (more === true) this.#soon(this.#pauseMs)
      else if (more === undefined) this.#soon(RETRY_MS)
    }
    this.#timer = setTimeout(slice, ms)
  }

  get #pauseMs(): number {
    const isDraining = performance.now() - this.#leftAt < DRAIN_MS
    return isDraining && this.#store.upkeep.housekeeping.isPatient ? DRAIN_PAUSE_MS : 0
  }

  /** Whether there is more to do; undefined: it failed, and is worth another try later. */
  #runHousekeeping(): boolean | undefined {
    const { passingDamage, checkpoint } = this.#deps
    try {
      const busy = performance.now() - Math.max(this.#heardAt, this.#leftAt) < BUSY_MS
      // Where room is short, publishes wait for some to be made rather than to be refused.
      const end = performance.now() + (this.#store.upkeep.space.measure().level === 'ample' ? 0 : SHORT_MS)
      let more = true
      do more = passingDamage(() => this.#store.runHousekeeping({ now: this.#deps.clock.now(), busy }))
      while (more && performance.now() < end)
      checkpoint()
      if (!more && busy) this.#soon(BUSY_MS)
      if (!more) this.#reportRemovals()
      return more
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
      return undefined
    }
  }

  /** One line for a run, whatever it was that made readings go. */
  #reportRemovals(): void {
    const removed = this.#store.upkeep.removal.takeSummary()
    if (removed === undefined) return
    const parts = Object.entries(removed).filter(([, count]) => count > 0)
    const level = parts.every(([reason]) => reason === 'expired') ? 'info' : 'warn'
    const text = parts.map(([reason, count]) => `${count} ${reason}`).join(', ')
    this.#deps.notify({ level, text: `readings were removed: ${text}` })
  }
}
