import type { Seq } from '../../base/reading.ts'
import type { StoreSettings } from '../../settings/edge.ts'
import { clearOrphans, Merging, mergeable } from '../sealed/merging.ts'
import { Sealing } from '../sealed/sealing.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Packing, Task } from '../sealed/task.ts'
import type { OverlaidVerdict } from '../sealed/verdicts.ts'
import { dropSeal, isOnItsWay } from './drop-seal.ts'
import { Expiry, type ExpiryClock } from './expiry.ts'
import type { Retention } from './retention.ts'
import { isWorthVacuum, type SpaceStatus } from './space.ts'
import { stretchRows } from './stretch-length.ts'
import { thinnable, thinning } from './thinning.ts'

/** While publishes keep the thread busy, the log may grow to this many stretches before housekeeping takes its share. */
const BUSY_STRETCHES = 4
/** A seal may take at most this share of `maxBytes` (at about 4 bytes per reading): it may be removed as a whole. */
const SEAL_SHARE = 1 / 32
const SEALED_BYTES = 4
/** Rows of the log that are worth sealing when room is short, and when the store is full. */
const SHORT_STRETCH_ROWS = { short: 1_024, full: 64 }
/**
 * A merged seal spans at most this time (ms of arrival) if a rule removes readings by age: a block is removed when
 * its last reading is old enough, so no reading stays a day longer than its rule says.
 */
const RULED_SPAN_MS_MAX = 72_000_000
/** Rows of hourly sums that one step removes. */
const ROLLUPS_AT_ONCE = 10_000
/** Pages that one slice returns to the file system; it stops when this share of the file is free (VACUUM_TO). */
const VACUUM_PAGES = 64
const VACUUM_TO = 0.04

export interface Situation {
  readonly lastSeq: number
  readonly seriesCount: number
  /** The store clock, UTC ms. */
  readonly now: number
  /** The clock is in doubt: nothing is removed by age. */
  readonly holdsRemoval: boolean
  readonly clock?: ExpiryClock
  /** Arrival of the oldest reading in the log, by the store clock (UTC ms). */
  readonly oldestAt: () => number | undefined
  /** The last position in the log that arrived at most this long (ms) after the oldest. */
  readonly lastWithin: (spanMs: number) => Seq
  readonly space: SpaceStatus
}

/** Kept messages that are no readings: the oldest are removed before any reading is. */
export interface Expendable {
  readonly isLarge: boolean
  makeRoom(): void
}
type Settings = Pick<StoreSettings, 'sealRows' | 'sealAgeMs' | 'maxBytes' | 'whenFull'>

/**
 * Works in the background, and makes room when space is short: seals the log, merges seals, removes expired readings,
 * clears leftovers of a crash. One task at a time, in slices. A task that fails is dropped, and starts again later.
 */
export class Housekeeping {
  readonly #retention: Retention
  readonly #settings: Settings
  readonly #expendables: readonly Expendable[]
  #task: Task | undefined
  #packing: Packing | undefined
  /** There may be leftovers: after a crash, or after a task that failed. */
  #leftOvers = true
  /** The last task failed. */
  #failed = false
  /** The current task can wait until the thread is idle. */
  #isTidying = false
  #isPatient = false
  readonly expiry: Expiry
  #ends: readonly Seq[] = []
  #isShort = false

  constructor(retention: Retention, settings: Settings, expendables: readonly Expendable[]) {
    this.#retention = retention
    this.#expendables = expendables
    this.#settings = settings
    this.expiry = new Expiry(retention, (seal) => this.isConfirmed(seal))
  }

  /** Notifies the current task that a verdict changed. */
  amended(verdict: OverlaidVerdict): void {
    this.#packing?.amended(verdict)
  }

  /** After a failed transaction: drops the task, whose state in memory may contain changes that were rolled back. */
  abandon(): void {
    this.restart()
    this.#failed = true
  }

  /** Drops the task, because blocks or seals that it has read were changed by others. It starts again if it is due. */
  restart(): void {
    this.#task = undefined
    this.#packing = undefined
    this.#leftOvers = true
  }

  /**
   * Runs one slice. @param busy publishes are waiting: only urgent work is done.
   * @returns whether there is more to do at once. @throws what the disk throws; then the task is dropped.
   */
  step(situation: Situation, busy: boolean): boolean {
    this.#isShort = situation.space.level !== 'ample'
    this.expiry.observe(situation.now, situation.holdsRemoval, situation.clock)
    if (this.#task === undefined) this.#begin(situation, busy)
    if (this.#task === undefined) return false
    this.#isPatient = this.#isTidying && situation.space.level === 'ample' && !this.#isToBeSealed(situation)
    const { done } = this.#task.next()
    if (done === true) {
      this.#task = undefined
      this.#packing = undefined
    }
    return true
  }

  /** Seals the log up to these positions soon, although it has few rows; no block has readings before and after one. */
  splitAfter(ends: readonly Seq[]): void {
    this.#ends = ends
  }

  /** Whether the current task is one that no other work will wait for. */
  get isPatient(): boolean {
    return this.#task !== undefined && this.#isPatient
  }

  #isToBeSealed(situation: Situation): boolean {
    const { log, seals } = this.#retention.context
    return log().closedLast !== undefined || situation.lastSeq - seals.sealedUpTo >= this.#wanted(situation)
  }

  /** Whether every uplink has settled all positions of a seal. */
  isConfirmed({ first, last }: Seal): boolean {
    return this.#retention.context.outboxes.every(({ settled }) => (settled.around(first)?.last ?? 0) >= last)
  }

  #begin(situation: Situation, busy: boolean): void {
    const short = situation.space.level !== 'ample'
    this.#isTidying = false
    const { log, seals } = this.#retention.context
    const isDue = log().closedLast !== undefined || this.#close(situation, busy)
    if (this.#leftOvers && (!busy || short)) {
      this.#task = this.#clear()
      return
    }
    // Sealing needs a little room before it makes some: if it found none, something else must be removed first.
    if (short && this.#failed) this.#makeRoom()
    this.#failed = false
    if (this.#task !== undefined) return
    if (isDue && log().closedLast! > seals.sealedUpTo) {
      this.#pack(new Sealing(this.#retention.context, this.#nextEnd(situation)))
      if (short) this.#task = this.#thenTrim(this.#task!)
    } else if (isDue) {
      this.#task = this.#clearLog()
    } else if (short) {
      this.#makeRoom()
    } else if (!busy) {
      this.#tidy(situation)
    }
  }

  /** Begins work that can wait until the thread is idle. */
  #tidy({ space }: Situation): void {
    this.#isTidying = true
    const { context, policies } = this.#retention
    if (this.expiry.isDue) {
      this.#task = this.expiry.run()
      return
    }
    const seals = mergeable(context.seals.all, {
      isConfirmed: (seal) => this.isConfirmed(seal),
      begunAt: (seal) => context.begunAt(seal),
      arrivedAt: (seal) => context.arrivedAt(seal),
      readingsMax: this.#sealReadingsMax,
      spanMsMax: policies.rawMsMin < Infinity ? RULED_SPAN_MS_MAX : undefined,
      togetherUntil: (head) => this.#togetherUntil(head.first),
    })
    if (seals !== undefined) this.#pack(new Merging(context, seals))
    else if (isWorthVacuum(space)) this.#task = this.#vacuum(space)
  }

  /** Begins to remove the first thing that may be removed; if there is none, publishes are refused. */
  #makeRoom(): void {
    const { context } = this.#retention
    const confirmed = context.seals.all.find((seal) => this.isConfirmed(seal))
    const large = this.#expendables.find(({ isLarge }) => isLarge)
    if (large !== undefined) this.#task = this.#inOneWrite(() => large.makeRoom())
    else if (this.expiry.isDue || this.expiry.waiting !== undefined)
      this.#task = this.expiry.makeRoom(() => this.#isShort)
    else if (confirmed !== undefined) {
      this.#task = dropSeal(this.#retention, confirmed, 'expired')
    } else if (context.database.prepare('SELECT 1 FROM rollups LIMIT 1').get() !== undefined) {
      this.#task = this.#inOneWrite(() => this.#retention.rollups.dropOldest(ROLLUPS_AT_ONCE))
    } else if (this.#settings.whenFull === 'drop-oldest') {
      const oldest = context.seals.all.find((seal) => !isOnItsWay(context, seal))
      if (oldest !== undefined) this.#task = dropSeal(this.#retention, oldest, 'dropped')
    } else if (this.#settings.whenFull === 'thin') {
      const seals = thinnable(context.seals.all, (seal) => isOnItsWay(context, seal), this.#ends)
      if (seals.length > 0) this.#pack(thinning(this.#retention, seals))
    }
  }

  *#inOneWrite(work: () => void): Task {
    this.#retention.context.write(work)
    yield
  }

  #pack(packing: Packing): void {
    this.#packing = packing
    this.#task = packing.run()
  }

  *#clear(): Task {
    yield* clearOrphans(this.#retention.context)
    this.#leftOvers = false
  }

  /**
   * When room is short, log rows are removed after every stretch: there may be no time to wait until the whole table is
   * sealed.
   */
  *#thenTrim(sealing: Task): Task {
    const { context } = this.#retention
    context.write(() => context.log().trim(context.seals.sealedUpTo))
    yield* sealing
    context.write(() => context.log().trim(context.seals.sealedUpTo))
  }

  /** The closed log is completely sealed: clears it, so that it can be reused. */
  *#clearLog(): Task {
    const { context } = this.#retention
    context.write(() => context.log().clearClosed())
    context.log().cleared()
  }

  /**
   * Returns free pages to the file system, but leaves VACUUM_TO of them, so that the file does not have to grow again
   * at once.
   */
  *#vacuum({ usedBytes }: SpaceStatus): Task {
    const { database } = this.#retention.context
    const enough = (usedBytes / (1 - VACUUM_TO) - usedBytes) / 4_096
    while ((database.pragma('freelist_count', { simple: true }) as number) > enough) {
      database.pragma(`incremental_vacuum(${VACUUM_PAGES})`)
      yield
    }
  }

  get #sealReadingsMax(): number {
    return ((this.#settings.maxBytes ?? Infinity) * SEAL_SHARE) / SEALED_BYTES
  }

  /**
   * Closes the log if it has enough rows, or only rows that are sealed. @returns whether it closed a table with rows.
   */
  #close(situation: Situation, busy: boolean): boolean {
    const { lastSeq, now, oldestAt, space } = situation
    const { context } = this.#retention
    const rows = lastSeq - context.seals.sealedUpTo
    const wanted = this.#wanted(situation)
    const few = space.level === 'ample' ? wanted : Math.min(wanted, SHORT_STRETCH_ROWS[space.level])
    const enough = busy && space.level === 'ample' ? wanted * BUSY_STRETCHES : few
    const { sealAgeMs } = this.#settings
    const isRuled = this.#retention.policies.rawMsMin < Infinity
    const isOld = (): boolean =>
      now - (oldestAt() ?? now) >= (isRuled ? Math.min(sealAgeMs, RULED_SPAN_MS_MAX) : sealAgeMs)
    const isAsked = this.#ends.some((end) => end > context.seals.sealedUpTo)
    if (rows > 0 && rows < enough && !isAsked && (busy || !isOld())) return false
    context.log().close()
    return context.log().closedLast !== undefined
  }

  #wanted({ seriesCount }: Situation): number {
    return stretchRows(this.#settings, seriesCount)
  }

  /**
   * The last position of the next stretch: splits the closed log into equal parts of about the wanted length. Under a
   * rule, a stretch ends where the machine was off: the readings before must not stay as long as those after.
   */
  #nextEnd(situation: Situation): number {
    const { context, policies } = this.#retention
    const { sealedUpTo } = context.seals
    const rows = context.log().closedLast! - sealedUpTo
    const parts = Math.max(1, Math.round(rows / this.#wanted(situation)))
    const end = sealedUpTo + Math.ceil(rows / parts)
    const within = policies.rawMsMin < Infinity ? situation.lastWithin(RULED_SPAN_MS_MAX) : Infinity
    return Math.max(sealedUpTo + 1, Math.min(end, within, this.#togetherUntil(sealedUpTo + 1)))
  }

  /** The last position that may be in one block with this one. */
  #togetherUntil(first: Seq): Seq {
    const { context, policies } = this.#retention
    const end = Math.min(...this.#ends.filter((seq) => seq >= first))
    return policies.rawMsMin < Infinity ? Math.min(end, context.movesAlikeUntil(first)) : end
  }
}
