import { stepText } from '../store/clock/clock-text.ts'
import { isStoreTrouble } from '../store/housekeeping/space.ts'
import type { Store } from '../store/store.ts'
import type { Notice } from './protocol.ts'

/** When no batch has arrived for this long (ms), the thread counts as idle and has time for housekeeping. */
const BUSY_MS = 50
/**
 * A backlog counts as draining for this long (ms) after its last batch. Meanwhile, housekeeping that can wait takes
 * only one slice every DRAIN_PAUSE_MS: it would use the processor that the drain needs, and a drain can take days.
 */
const DRAIN_MS = 1_000
const DRAIN_PAUSE_MS = 200
/**
 * How often to check whether something is due while the thread is idle, and how soon to retry after a disk error (ms).
 */
const EVERY_MS = 10_000
const RETRY_MS = 1_000
/** How often the clocks are compared (ms): a step of the system clock that lasts for a second is noticed. */
const CLOCK_EVERY_MS = 400
/** When space is short, housekeeping runs for this long in one go (ms). */
const SHORT_MS = 12

export interface HousekeepingTimerDependencies {
  /** Runs `work`, and runs it again without the block when a block turns out to be damaged. */
  readonly passingDamage: <T>(work: () => T) => T
  /** Called after a slice; must not throw for a full disk. */
  readonly checkpoint: () => void
  readonly notify: (notice: Notice) => void
}

/** Runs housekeeping on the store thread between messages, one slice at a time, so that callers do not wait for it. */
export class HousekeepingTimer {
  readonly #store: Store
  readonly #deps: HousekeepingTimerDependencies
  readonly #interval: NodeJS.Timeout
  readonly #clockInterval: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  /** When the last batch was committed, and when the last batch of a backlog left (monotonic ms). */
  #committedAt = Number.NEGATIVE_INFINITY
  #leftAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(store: Store, dependencies: HousekeepingTimerDependencies) {
    this.#store = store
    this.#deps = dependencies
    this.#interval = setInterval(() => {
      store.upkeep.forecaster.observe(store.lastSeq, performance.now())
      this.#soon(0)
    }, EVERY_MS).unref()
    this.#clockInterval = setInterval(() => this.#checkClock(), CLOCK_EVERY_MS).unref()
    this.#soon(0)
  }

  /** A batch was committed. */
  committed(): void {
    this.#committedAt = performance.now()
    this.#soon(0)
  }

  /** A batch of a backlog left. */
  left(): void {
    this.#leftAt = performance.now()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#interval)
    clearInterval(this.#clockInterval)
    clearTimeout(this.#timer)
  }

  /** Runs one slice, then waiting messages, then the next slice. After a disk error the next slice waits RETRY_MS. */
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

  /** Returns whether there is more to do; undefined: it failed and should be tried again later. */
  #runHousekeeping(): boolean | undefined {
    const { passingDamage, checkpoint } = this.#deps
    try {
      const busy = performance.now() - Math.max(this.#committedAt, this.#leftAt) < BUSY_MS
      // When space is short, publishes wait until some is freed: otherwise they would be refused.
      const end = performance.now() + (this.#store.upkeep.space.measure().level === 'ample' ? 0 : SHORT_MS)
      let more = true
      do more = passingDamage(() => this.#store.runHousekeeping({ now: this.#store.time.now(), busy }))
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

  /** A full disk does not end the process: the clocks are compared again. */
  #checkClock(): void {
    const { step: before } = this.#store.time.status
    try {
      this.#store.checkClock()
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
    }
    const { step, holdsRemoval } = this.#store.time.status
    const changed = step !== undefined && (step.byMs !== before?.byMs || step.endedAt !== before?.endedAt)
    if (changed) this.#deps.notify({ level: 'warn', text: stepText({ step, holdsRemoval }) })
  }

  /** Reports all removals of a run in one line, whatever their reasons. */
  #reportRemovals(): void {
    const removed = this.#store.upkeep.removal.takeSummary()
    if (removed === undefined) return
    const parts = Object.entries(removed).filter(([, count]) => count > 0)
    const level = parts.every(([reason]) => reason === 'expired') ? 'info' : 'warn'
    const text = parts.map(([reason, count]) => `${count} ${reason}`).join(', ')
    this.#deps.notify({ level, text: `readings were removed: ${text}` })
  }
}
