import type { ElapsedClock } from '../../base/elapsed-time.ts'
import {
  AGREE_MS,
  EARLIEST,
  FOLLOW_MS_MIN,
  isNear,
  OFF_MS_MAX,
  REFERENCE_MS_MAX,
  STEP_KEPT_MS,
  STEP_MS,
  STEP_SHOWN_MS,
  SYNCED_MS_MIN,
} from './clock-limits.ts'
import type { ClockChange, ClockFacts, ClockStatus, ClockStep, SavedClock, TrustedTimes } from './clock-state.ts'
import { Drift } from './drift.ts'

const NO_TIMES: TrustedTimes = { from: Infinity, to: -Infinity }

/**
 * The clock by which stored readings age. It moves with the elapsed time of the machine, also across restarts of the
 * edge, and stands still while the machine is off. Only these correct it:
 *
 * - a synchronised system clock that has not stepped since it was confirmed, or that keeps a step for an hour
 * - two clocks that agree: the system clock and the receiver's
 * - the receiver's clock alone, once after a start, by at most 92 days, if the system clock cannot be right
 * - an operator, and any system clock that shows a possible time, if the store clock does not: it was never set
 *
 * Where sources contradict each other, and one of them agrees with the store clock, it is not corrected: it is behind
 * rather than ahead, and readings stay longer. A pure state machine: the elapsed time is the only clock that it reads.
 */
export class StoreClock {
  readonly #elapsedClock: ElapsedClock
  #time: number
  #elapsed: number
  /** System clock minus store clock, as expected while the system clock does not step. */
  #offset: number
  #confirmed: boolean
  /** Confirmed in this boot by a synchronised system clock, or by an operator. */
  #proven: boolean
  #everConfirmed: boolean
  #corrected: number
  /** Receiver's clock minus system clock (ms), while they do not agree. */
  #contradictedMs: number | undefined
  #step: ClockStep | undefined
  /** When the current step began (ms of the elapsed clock). */
  #steppedAt = 0
  /** Since when the system says that its clock is synchronised (ms of the elapsed clock); undefined: it does not. */
  #syncedAt: number | undefined
  /** The system has said, since the edge started, that its clock is not synchronised. */
  #wasUnsynced = false
  /** The receiver's clock agrees with the store clock, and not with the system clock. */
  #isRefuted = false
  /** When that was last the case (ms of the elapsed clock). */
  #refutedAt = Number.NEGATIVE_INFINITY
  readonly #drift = new Drift()
  #facts: ClockFacts
  /** When `#facts` were observed (ms of the elapsed clock). */
  #observedAt: number

  /**
   * @param saved state of an earlier start; undefined: a new store, or one of an earlier version
   * @param newestArrival of the readings in the store (UTC ms); 0: none
   */
  constructor(
    elapsedClock: ElapsedClock,
    saved: SavedClock | undefined,
    { system, newestArrival }: { readonly system: number; readonly newestArrival: number },
  ) {
    const elapsed = elapsedClock.now()
    const isSameBoot = saved?.boot !== undefined && saved.boot === elapsedClock.boot && elapsed >= saved.elapsed
    this.#elapsedClock = elapsedClock
    this.#elapsed = elapsed
    this.#facts = { system, synchronised: undefined }
    this.#observedAt = elapsed
    this.#time = saved === undefined ? firstTime(system, newestArrival) : saved.time
    this.#corrected = saved?.corrected ?? 0
    if (isSameBoot) this.#time += elapsed - saved.elapsed
    this.#offset = isSameBoot ? saved.offset : system - this.#time
    this.#confirmed = isSameBoot && saved.confirmed
    this.#proven = isSameBoot && (saved.proven ?? saved.confirmed)
    this.#everConfirmed = saved?.everConfirmed ?? false
    this.#step = saved?.step
    this.#steppedAt = elapsed
    // After a start of the machine the expected offset is new: a step that lasted until then is over.
    if (!isSameBoot) this.#endStep()
  }

  /** UTC ms. */
  now(): number {
    return this.#time + this.#elapsedClock.now() - this.#elapsed
  }

  /** Takes in what the clocks show now. @returns what changed; undefined: nothing that affects stored times */
  observe(facts: ClockFacts): ClockChange | undefined {
    this.#facts = facts
    this.#observedAt = this.#elapsedClock.now()
    const time = this.now()
    const { system, synchronised } = facts
    this.#syncedAt = synchronised === true ? (this.#syncedAt ?? this.#elapsedClock.now()) : undefined
    this.#wasUnsynced ||= synchronised === false
    const reference = this.#referenceNow()
    this.#watchStep(system, time)
    this.#isRefuted = false
    const agrees = reference !== undefined && isNear(reference, system, AGREE_MS)
    this.#contradictedMs = reference === undefined || agrees || synchronised === true ? undefined : reference - system
    if (agrees) return this.#mayAgree(system - time) ? this.#correct(system) : undefined
    if (reference !== undefined && isNear(reference, time, AGREE_MS)) {
      this.#isRefuted = true
      this.#refutedAt = this.#elapsedClock.now()
      return this.#confirm()
    }
    // A store clock that was never set is worse than a system clock that nothing confirms.
    if (time < EARLIEST && system >= EARLIEST) return { ...this.#move(system), confirmed: this.#confirmed }
    if (this.#mayFollow(system - time)) return this.#correct(system)
    // Alone, the receiver's clock is believed only where the system clock cannot be right.
    const mayBeRight = system >= time - AGREE_MS && this.#isPlausible(system - time)
    if (mayBeRight || reference === undefined || reference <= time || this.#confirmed) return undefined
    return this.#isPlausible(reference - time) ? this.#correct(reference) : undefined
  }

  /** Arrival times that the system clock gives (UTC ms) and that are believed, now and for readings that wait a little. */
  trusted(): TrustedTimes {
    if (!this.#isTrusted()) return NO_TIMES
    const expected = this.now() + this.#offset
    return { from: Math.max(EARLIEST, expected - 2 * STEP_MS), to: expected + 2 * STEP_MS }
  }

  /** Nothing is removed by age: the system clock has stepped, and it is not known which clock is right. */
  get holdsRemoval(): boolean {
    return this.#isStepOpen && this.#step?.rejected === false && !this.#isRefuted
  }

  /**
   * The time is known to be right, as far as it can be: readings that arrive now need no later correction. A receiver
   * alone does not suffice: both clocks may have stood still in the same power cut.
   */
  get isSettled(): boolean {
    return this.#proven && !this.holdsRemoval
  }

  /** Time (ms) that was counted, without any correction: it rises with the elapsed time only. */
  get countedMs(): number {
    return this.now() - this.#corrected
  }

  /** An operator says that the system clock is right. */
  accept(system: number): ClockChange {
    this.#proven = true
    return this.#correct(system)
  }

  /**
   * An operator says that the system clock is wrong: readings go on ageing by the store clock, whatever the system or
   * the receiver says about this step. A step that is over is not shown any more.
   */
  reject(): void {
    this.#step = this.#isStepOpen ? { ...this.#step!, rejected: true } : undefined
  }

  get status(): ClockStatus {
    const time = this.now()
    const { synchronised } = this.#facts
    const system = this.#facts.system + this.#elapsedClock.now() - this.#observedAt
    const { from, to } = this.trusted()
    const isOver = this.#step?.endedAt !== undefined && time - this.#step.endedAt > STEP_SHOWN_MS
    return {
      time,
      systemAheadMs: system - time,
      synchronised,
      confirmed: this.#confirmed,
      trusted: from <= system && system <= to,
      step: isOver ? undefined : this.#step,
      contradictedMs: this.#contradictedMs,
      holdsRemoval: this.holdsRemoval,
    }
  }

  get saved(): SavedClock {
    return {
      time: this.now(),
      elapsed: this.#elapsedClock.now(),
      boot: this.#elapsedClock.boot,
      offset: this.#offset,
      confirmed: this.#confirmed,
      proven: this.#proven,
      everConfirmed: this.#everConfirmed,
      corrected: this.#corrected,
      step: this.#step,
    }
  }

  get #isStepOpen(): boolean {
    return this.#step !== undefined && this.#step.endedAt === undefined
  }

  #isTrusted(): boolean {
    if (this.#isStepOpen || this.#contradictedMs !== undefined) return false
    if (this.#facts.synchronised === false && !this.#confirmed) return false
    return this.#offset >= -STEP_MS && this.#offset <= OFF_MS_MAX
  }

  #referenceNow(): number | undefined {
    const { reference } = this.#facts
    if (reference === undefined) return undefined
    const ageMs = this.#elapsedClock.now() - reference.elapsed
    return ageMs > REFERENCE_MS_MAX ? undefined : reference.at + ageMs
  }

  /** Notes a step of the system clock, a further one, or that it was undone. */
  #watchStep(system: number, time: number): void {
    const byMs = system - time - this.#offset
    if (Math.abs(byMs) <= STEP_MS) return this.#endStep()
    if (isNear(system, time, STEP_MS)) {
      this.#offset = system - time
      return this.#endStep()
    }
    if (this.#isStepOpen && isNear(byMs, this.#step!.byMs, STEP_MS)) return
    this.#step = { byMs, at: this.now(), endedAt: undefined, rejected: false }
    this.#steppedAt = this.#elapsedClock.now()
  }

  #endStep(): void {
    if (this.#isStepOpen) this.#step = { ...this.#step!, endedAt: this.now() }
  }

  /** Whether the system clock, which is this far ahead of the store clock, is believed because the receiver agrees. */
  #mayAgree(aheadMs: number): boolean {
    if (this.#isDisputed(aheadMs)) return false
    if (!this.#isStepOpen) return !this.#confirmed || this.#mayDrift(aheadMs) || !isNear(aheadMs, 0, AGREE_MS)
    // Both may have their time from the same source: a clock that was right before must keep a step, too.
    return !this.#step!.rejected && (!this.#confirmed || this.#hasKeptStep)
  }

  #mayDrift(aheadMs: number): boolean {
    return this.#drift.mayFollow(aheadMs, this.#elapsedClock.now())
  }

  /** Whether a receiver has agreed with the store clock, and not with the system clock, within the last hour. */
  #isDisputed(aheadMs: number): boolean {
    return !isNear(aheadMs, 0, AGREE_MS) && this.#elapsedClock.now() - this.#refutedAt < STEP_KEPT_MS
  }

  /** Whether the system clock, which is this far ahead of the store clock, is synchronised and believed. */
  #mayFollow(aheadMs: number): boolean {
    if (this.#syncedAt === undefined || this.#facts.system < EARLIEST) return false
    const elapsed = this.#elapsedClock.now()
    if (!this.#isSynced || !this.#isPlausible(aheadMs) || this.#isDisputed(aheadMs)) return false
    if (!this.#isStepOpen) return !this.#confirmed || (isNear(aheadMs, 0, AGREE_MS) && this.#mayDrift(aheadMs))
    if (this.#step!.rejected) return false
    // A step towards the first synchronisation is what NTP does; any other one must last.
    const keptMs = this.#wasUnsynced && !this.#confirmed ? SYNCED_MS_MIN : STEP_KEPT_MS
    return elapsed - this.#steppedAt >= keptMs
  }

  /** The system has said for long enough that its clock is synchronised. */
  get #isSynced(): boolean {
    return this.#syncedAt !== undefined && this.#elapsedClock.now() - this.#syncedAt >= SYNCED_MS_MIN
  }

  get #hasKeptStep(): boolean {
    return this.#elapsedClock.now() - this.#steppedAt >= STEP_KEPT_MS
  }

  #isPlausible(aheadMs: number): boolean {
    return !this.#everConfirmed || aheadMs <= OFF_MS_MAX
  }

  #correct(to: number): ClockChange {
    const confirmed = this.#confirm()
    this.#proven ||= this.#isSynced && isNear(to, this.#facts.system, FOLLOW_MS_MIN)
    return isNear(to, this.now(), FOLLOW_MS_MIN) && !this.#isStepOpen
      ? confirmed
      : { ...this.#move(to), confirmed: true }
  }

  #move(to: number): { readonly byMs: number } {
    const byMs = to - this.now()
    if (!this.#isStepOpen) this.#drift.followed(byMs)
    this.#elapsed = this.#elapsedClock.now()
    this.#time = to
    this.#corrected += byMs
    this.#offset = this.#facts.system - to
    // The step is followed, not undone: it is not a problem any more.
    if (isNear(to, this.#facts.system, AGREE_MS)) this.#step = undefined
    return { byMs }
  }

  #confirm(): ClockChange {
    this.#confirmed = true
    this.#everConfirmed = true
    return { byMs: 0, confirmed: true }
  }
}

/** The time of a store that has no clock yet: that of the system, unless it cannot be right for the stored readings. */
function firstTime(system: number, newestArrival: number): number {
  if (newestArrival === 0) return system
  return system >= newestArrival && system - newestArrival <= OFF_MS_MAX ? system : newestArrival
}
