import type { Database, Statement } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import type { ElapsedClock } from '../../base/elapsed-time.ts'
import type { Seq } from '../../base/reading.ts'
import { AGREE_MS } from './clock-limits.ts'
import { ClockRun } from './clock-run.ts'
import type { ClockChange, ClockStatus, SavedClock, TrustedTimes } from './clock-state.ts'
import { type ClockOffset, type ClockRunStart, ClockSteps } from './clock-steps.ts'
import { StoreClock } from './store-clock.ts'

/** The state is written at least this often (ms): after a power cut the store clock is late by at most this more. */
const SAVE_EVERY_MS = 600_000

/** After a correction by at least this much (ms), what becomes overdue because of it is not removed without asking. */
const LARGE_MS = 3_600_000

/** A correction of the store clock by `byMs`, to `now`; before it, the clock was not known to be right from `since` on. */
interface Shift {
  readonly byMs: number
  /** Bounds of former corrections back: a sum that has such a time may be younger. */
  readonly bounds: readonly number[]
  readonly since: number | undefined
  readonly now: number
}

/** What other sources say about the time; see `ClockFacts`. */
export interface ClockEvidence {
  readonly synchronised: boolean | undefined
  /** The clock of the receiver (UTC ms), and when it arrived here (ms of the elapsed clock). */
  readonly reference: { readonly at: number; readonly elapsed: number } | undefined
}

/**
 * The time of a store: the clock by which its readings age, and by how much the stored arrival times differ from it.
 * Both are kept in the database. Methods that say so run in their owner's transaction.
 */
export class StoreTime {
  readonly #database: Database
  readonly #system: Clock
  readonly #elapsedClock: ElapsedClock
  readonly #clock: StoreClock
  readonly #save: Statement<[string]>
  readonly #lastSeq: () => Seq
  #steps: ClockSteps
  #evidence: ClockEvidence = { synchronised: undefined, reference: undefined }
  /** The store clock when this commit began (UTC ms). */
  #now = 0
  #isDirty = false
  /** Corrections that are not applied to the hourly sums yet, and those that the current transaction applies. */
  #shifts: Shift[] = []
  #applied: Shift[] = []
  /** Counted time (ms) at a large correction, until retention has run after it; kept across restarts. */
  #guardFrom: number | undefined
  #savedAt: number
  readonly #run: ClockRun

  constructor(
    database: Database,
    { system, elapsedClock }: { readonly system: Clock; readonly elapsedClock: ElapsedClock },
    { lastSeq, newestArrival }: { readonly lastSeq: () => Seq; readonly newestArrival: number },
  ) {
    this.#database = database
    this.#system = system
    this.#elapsedClock = elapsedClock
    this.#lastSeq = lastSeq
    this.#save = database.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('clock', ?)`)
    const saved = readClock(database)
    this.#clock = new StoreClock(elapsedClock, saved, { system: system.now(), newestArrival })
    this.#steps = new ClockSteps(readSteps(database))
    this.#savedAt = elapsedClock.now()
    this.#run = new ClockRun(system, elapsedClock)
    this.#guardFrom = readGuard(database)
    if (saved === undefined && lastSeq() > 0) this.#steps.begin(1, 0, { settled: true, at: this.#clock.now() })
    // Readings of an earlier start of the machine, of which the time was confirmed, need no correction any more.
    const wasHeld = saved?.step !== undefined && saved.step.endedAt === undefined
    if (saved?.confirmed === true && !this.#clock.status.confirmed && !wasHeld) this.#steps.settle()
    if (this.#steps.all.at(-1)?.settled !== false && !this.#clock.isSettled) this.#begin(this.#clock.saved.offset)
    this.#isDirty = true
  }

  /** The store clock, UTC ms. */
  now(): number {
    return this.#clock.now()
  }

  /** The store clock (UTC ms) at a moment of the elapsed clock (ms). */
  get moment(): { readonly time: number; readonly elapsed: number } {
    const { time, elapsed } = this.#clock.saved
    return { time, elapsed }
  }

  get holdsRemoval(): boolean {
    return this.#clock.holdsRemoval
  }

  get status(): ClockStatus {
    return this.#clock.status
  }

  /** Arrival times (UTC ms of the system clock) that are believed at present. */
  trusted(): TrustedTimes {
    return this.#clock.trusted()
  }

  /** The last position from `first` on whose arrival a later correction moves by as much as that of `first`. */
  movesAlikeUntil(first: Seq): Seq {
    return this.#steps.movesAlikeUntil(first)
  }

  /** When a reading arrived, by the store clock (UTC ms). @param arrival as stored */
  timeOf(seq: Seq, arrival: number): number {
    return this.#steps.timeOf(seq, arrival)
  }

  /** Changes when the system clock is set back: arrivals of an earlier run may be too late. Read it after `arrived`. */
  get clockRun(): number {
    return this.#run.number
  }

  /** The runs of the stored readings, in ascending position; the last one is the present run, unless it is over. */
  get runs(): readonly ClockRunStart[] {
    return this.#steps.runs(this.#lastSeq(), { offset: this.#system.now() - this.now(), run: this.#run.number })
  }

  /** Other sources say something new. Call `compare` afterwards. */
  hear(evidence: Partial<ClockEvidence>): void {
    this.#evidence = { ...this.#evidence, ...evidence }
  }

  /** Compares the clocks. @returns whether there is something to write: call `flush` in a transaction. */
  compare(): boolean {
    const { step } = this.#clock.saved
    this.#run.compare()
    const change = this.#clock.observe({ system: this.#system.now(), ...this.#evidence })
    if (this.#clock.saved.step !== step) this.#isDirty = true
    if (change !== undefined) this.#apply(change)
    return this.#isDirty || this.#elapsedClock.now() - this.#savedAt >= SAVE_EVERY_MS
  }

  /**
   * An operator says that the system clock is right. Call it in a transaction.
   * @param seen the clocks when the operator said so @returns false: the system clock shows another time now
   */
  accept(seen: { readonly system: number; readonly elapsed: number; readonly boot?: string | undefined }): boolean {
    this.compare()
    const system = this.#system.now()
    const sinceMs = this.#elapsedClock.now() - seen.elapsed
    const isSame = seen.boot === this.#elapsedClock.boot && sinceMs >= 0
    if (!isSame || Math.abs(system - seen.system - sinceMs) > AGREE_MS) return false
    this.#apply(this.#clock.accept(system))
    this.#isDirty = true
    return true
  }

  /** An operator says that the system clock is wrong. Call it in a transaction. @returns false: there is no step */
  reject(): boolean {
    this.compare()
    if (this.#clock.saved.step === undefined) return false
    this.#clock.reject()
    this.#isDirty = true
    return true
  }

  /** At the beginning of a commit of readings. */
  beginCommit(): void {
    this.#now = this.#clock.now()
  }

  /**
   * In the transaction that stores a reading: notes when the system clock, which gave its arrival, has stepped.
   * @returns whether it has
   */
  arrived(seq: Seq, arrival: number): boolean {
    if (!this.#steps.isForeign(arrival, this.#now)) return false
    this.compare()
    this.#now = this.#clock.now()
    if (arrival - this.#now < this.#steps.offset) this.#run.next()
    this.#steps.begin(seq, arrival - this.#now, { settled: this.#clock.isSettled, at: this.#now })
    this.#isDirty = true
    return true
  }

  /** In a transaction: writes what has changed. @param oldest the first position that is still stored */
  flush(oldest: () => Seq): void {
    if (!this.#isDirty && this.#elapsedClock.now() - this.#savedAt < SAVE_EVERY_MS) return
    this.#steps.forgetBefore(oldest())
    this.#save.run(JSON.stringify({ ...this.#clock.saved, guardFrom: this.#guardFrom }))
    this.#shiftSums()
    this.#database.exec('DELETE FROM clock_steps')
    const insert = this.#database.prepare('INSERT INTO clock_steps VALUES (?, ?, ?, ?, ?)')
    for (const { first, offset, latest, settled, at } of this.#steps.all) {
      const bound = latest === undefined ? null : Math.round(latest)
      insert.run(first, Math.round(offset), bound, Number(settled), Math.round(at))
    }
    this.#isDirty = false
    this.#savedAt = this.#elapsedClock.now()
  }

  /** Call when the transaction of `flush` is on disk. */
  committed(): void {
    this.#applied = []
  }

  /** After a failed transaction: its readings are not stored; what it would have written is written with the next one. */
  reload(): void {
    this.#steps.forgetAfter(this.#lastSeq())
    this.#shifts = [...this.#applied, ...this.#shifts]
    this.#applied = []
    this.#isDirty = true
  }

  /** Time (ms) that was counted, without any correction. */
  get countedMs(): number {
    return this.#clock.countedMs
  }

  /** Counted time (ms) at the latest large correction since retention ran; undefined: there was none. */
  get guardFrom(): number | undefined {
    return this.#guardFrom
  }

  /** Retention has run since the last large correction. */
  clearGuard(): void {
    this.#guardFrom = undefined
    this.#isDirty = true
  }

  #shiftSums(): void {
    const back = this.#database.prepare('UPDATE rollups SET kept_from = min(kept_from, ?) WHERE kept_from >= 0')
    const move = this.#database.prepare(
      `UPDATE rollups SET kept_from = kept_from + ?
       WHERE kept_from >= max(0, ?) OR kept_from IN (SELECT value FROM json_each(?))`,
    )
    const moveOrders = this.#database.prepare('UPDATE forgetting SET at = at + ? WHERE at >= ?')
    const boundOrders = this.#database.prepare('UPDATE forgetting SET at = min(at, ?)')
    for (const { byMs, since = Number.MAX_SAFE_INTEGER, bounds, now } of this.#shifts) {
      const restored = byMs < 0 ? [] : bounds.flatMap((bound) => [Math.floor(bound), Math.ceil(bound)])
      move.run(Math.round(byMs), Math.floor(since), JSON.stringify(restored))
      moveOrders.run(Math.round(byMs), Math.floor(since))
      if (byMs < 0) back.run(Math.round(now))
      if (byMs < 0) boundOrders.run(Math.round(now))
    }
    this.#applied = this.#shifts
    this.#shifts = []
  }

  /** At the end, outside a transaction: the next `flush` writes the state. */
  close(): void {
    this.#isDirty = true
  }

  #apply({ byMs, confirmed }: ClockChange): void {
    if (byMs !== 0) {
      const now = this.#clock.now()
      this.#shifts.push({ byMs, since: this.#steps.unsettledSince, bounds: this.#steps.bounds, now })
      if (Math.abs(byMs) >= LARGE_MS) this.#guardFrom = this.#clock.countedMs
      this.#steps.correct(byMs, now)
      this.#isDirty = true
    }
    // Readings before this confirmation stay open for a correction until the machine starts again.
    const isFirst = confirmed && this.#clock.isSettled && this.#steps.all.at(-1)?.settled === false
    if (isFirst) this.#isDirty = true
    if (isFirst || byMs < 0) this.#begin(this.#clock.saved.offset)
  }

  #begin(offset: number): void {
    this.#steps.begin(this.#lastSeq() + 1, offset, { settled: this.#clock.isSettled, at: this.#clock.now() })
  }
}

/** The saved clock; undefined: none, or one that cannot be read. */
export function readClock(database: Database): SavedClock | undefined {
  const text = database.prepare(`SELECT value FROM meta WHERE key = 'clock'`).pluck().get()
  if (typeof text !== 'string') return undefined
  try {
    const saved = JSON.parse(text) as SavedClock
    return Number.isFinite(saved.time) && Number.isFinite(saved.elapsed) ? saved : undefined
  } catch {
    return undefined
  }
}

function readGuard(database: Database): number | undefined {
  const saved = readClock(database) as (SavedClock & { readonly guardFrom?: number }) | undefined
  return saved?.guardFrom
}

/** The offsets of stored arrival times, in ascending position. */
export function readSteps(database: Database): ClockOffset[] {
  const rows = database.prepare('SELECT first, "offset", latest, settled, at FROM clock_steps ORDER BY first').all()
  return (rows as { first: Seq; offset: number; latest: number | null; settled: 0 | 1; at: number }[]).map((row) => {
    return {
      first: row.first,
      offset: row.offset,
      latest: row.latest ?? undefined,
      settled: row.settled === 1,
      at: row.at,
    }
  })
}
