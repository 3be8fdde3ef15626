import { seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Task } from '../sealed/task.ts'
import { DAY_MS, overdueMs, type RetentionPolicy, sumsOverdueBefore } from './policy.ts'
import { expire, pastSeals, type Retention } from './retention.ts'

/** Interval between checks for expired readings (ms). */
const EXPIRE_EVERY_MS = 600_000
/**
 * When more than this share of the readings of a rule, or of its hourly sums, became overdue all at once, the removal
 * waits until an operator accepts it or disk space is short: a rule was changed, the uplink or the edge was off for
 * long, or a clock is wrong.
 */
export const REMOVAL_SHARE_MAX = 1 / 4
/** Suddenly overdue: by this much (ms) more than the time that passed since the last run. */
const SUDDEN_MS_MIN = 3_600_000
/** An operator's consent counts for this long (ms). */
const ACCEPTED_MS = DAY_MS

/** A removal that waits for an operator: how many of the sealed readings, and of the hourly sums, are overdue. */
export interface WaitingRemoval {
  readonly readings: number
  readonly of: number
  readonly sums: number
  readonly ofSums: number
}

/** The clock of the store, as far as retention needs it. */
export interface ExpiryClock {
  /** Time (ms) that was counted without any correction of the clock. */
  readonly countedMs: number
  /** Counted time (ms) at the latest large correction that no run has followed yet; undefined: there was none. */
  readonly guardFrom: number | undefined
  clearGuard(): void
}

interface Counts {
  readonly sudden: { readings: number; sums: number }
  readonly all: { readings: number; sums: number }
}

/** Decides when readings that are overdue are removed, and stops when the clock is in doubt. */
export class Expiry {
  readonly #retention: Retention
  readonly #isConfirmed: (seal: Seal) => boolean
  /** The store clock (UTC ms); undefined: nothing may be removed by age. */
  #now: number | undefined
  #clock: ExpiryClock | undefined
  /** The store clock at the last run, and the counted time (ms) at the last one that removed what was overdue. */
  #ranAt: number | undefined
  #doneAt: number | undefined
  #waiting: WaitingRemoval | undefined

  constructor(retention: Retention, isConfirmed: (seal: Seal) => boolean) {
    this.#retention = retention
    this.#isConfirmed = isConfirmed
  }

  /**
   * @param now the store clock (UTC ms) @param isHeld the clock is in doubt: nothing may be removed by age
   * @param clock undefined: the clock is never corrected
   */
  observe(now: number, isHeld: boolean, clock?: ExpiryClock): void {
    this.#now = isHeld ? undefined : now
    this.#clock = clock
  }

  /** The removal that waits for an operator; undefined: none. */
  get waiting(): WaitingRemoval | undefined {
    return this.#waiting
  }

  get isDue(): boolean {
    if (this.#now === undefined) return false
    const sinceMs = this.#now - (this.#ranAt ?? -Infinity)
    return sinceMs >= EXPIRE_EVERY_MS || sinceMs < 0
  }

  /** In a transaction: an operator agrees that everything overdue is removed. @param now UTC ms, store clock */
  accept(now: number): void {
    const save = this.#retention.context.database.prepare(
      `INSERT OR REPLACE INTO meta (key, value) VALUES ('removal_accepted', ?)`,
    )
    save.run(Math.round(now))
    this.#ranAt = undefined
  }

  *run(): Task {
    this.#ranAt = this.#now
    const sudden = this.#isAccepted ? undefined : yield* this.#countSudden()
    if (this.#now === undefined) return
    this.#setWaiting(sudden)
    if (sudden === undefined) yield* this.#expire()
  }

  /**
   * Disk space is short: what is overdue is removed, also if that waits for an operator, until there is room. The rest
   * still waits. @param isShort whether there is still too little room
   */
  *makeRoom(isShort: () => boolean): Task {
    this.#ranAt = this.#now
    yield* this.#expire(isShort)
    if (isShort()) this.#waiting = undefined
    else if (this.#waiting === undefined) this.#ranAt = undefined
  }

  *#expire(isWanted: () => boolean = () => true): Task {
    const now = (): number | undefined => (isWanted() ? this.#now : undefined)
    yield* expire(this.#retention, { isConfirmed: this.#isConfirmed, now })
    if (now() === undefined) return
    this.#doneAt = this.#clock?.countedMs ?? this.#now
    if (this.#clock?.guardFrom !== undefined) this.#clock.clearGuard()
  }

  /** Stores that a removal waits: neither a restart nor new readings, which make its share smaller, must start it. */
  #setWaiting(waiting: WaitingRemoval | undefined): void {
    const { database, write } = this.#retention.context
    const was = this.#hasWaited
    this.#waiting = waiting
    if (was === (waiting !== undefined)) return
    const sql = was
      ? `DELETE FROM meta WHERE key = 'removal_waits'`
      : `INSERT OR REPLACE INTO meta (key, value) VALUES ('removal_waits', 1)`
    write(() => void database.prepare(sql).run())
  }

  get #hasWaited(): boolean {
    const sql = `SELECT 1 FROM meta WHERE key = 'removal_waits'`
    return this.#retention.context.database.prepare(sql).get() !== undefined
  }

  get #isAccepted(): boolean {
    const sql = `SELECT value FROM meta WHERE key = 'removal_accepted'`
    const at = this.#retention.context.database.prepare(sql).pluck().get() as number | undefined
    return at !== undefined && this.#now !== undefined && Math.abs(this.#now - at) <= ACCEPTED_MS
  }

  /** What is overdue by more than this (ms) did not become overdue only because time passed since the last run. */
  get #suddenMs(): number {
    const countedMs = this.#clock?.countedMs ?? this.#now ?? 0
    const since = this.#clock?.guardFrom ?? this.#doneAt ?? countedMs - DAY_MS
    return Math.max(0, countedMs - since) + SUDDEN_MS_MIN
  }

  /** What is suddenly overdue, if it is more than the share of some rule; else undefined. */
  *#countSudden(): Generator<undefined, WaitingRemoval | undefined, undefined> {
    const suddenMs = this.#suddenMs
    const byRule = new Map<RetentionPolicy['rule'], Counts>()
    const found = yield* this.#countReadings(byRule, suddenMs)
    const foundSums = yield* this.#countSums(byRule, suddenMs)
    if (!found && !foundSums) return undefined
    const isLarge = ({ sudden, all }: Counts): boolean =>
      sudden.readings > all.readings * REMOVAL_SHARE_MAX || sudden.sums > all.sums * REMOVAL_SHARE_MAX
    if (!this.#hasWaited && ![...byRule.values()].some(isLarge)) return undefined
    const total = { readings: 0, of: 0, sums: 0, ofSums: 0 }
    for (const { sudden, all } of byRule.values()) {
      total.readings += sudden.readings
      total.of += all.readings
      total.sums += sudden.sums
      total.ofSums += all.sums
    }
    return total
  }

  /** @returns whether any reading is suddenly overdue; only then all readings are counted */
  *#countReadings(
    byRule: Map<RetentionPolicy['rule'], Counts>,
    suddenMs: number,
  ): Generator<undefined, boolean, undefined> {
    const { context, policies } = this.#retention
    const isSudden = (seal: Seal, rawMs: number | undefined): boolean =>
      overdueMs(context.arrivedAt(seal), { rawMs }, this.#now ?? -Infinity) > suddenMs
    const past = new Set(pastSeals(this.#retention, { isConfirmed: this.#isConfirmed, now: () => this.#now }))
    const candidates = [...past].filter((seal) => isSudden(seal, policies.rawMsMin))
    let found = false
    for (const seal of candidates) {
      for (const page of context.blocks.headPages(seal)) {
        found ||= page.some((head) => isSudden(seal, policies.of(seriesOf(head.id)).rawMs))
        yield
      }
      if (found) break
    }
    if (!found) return false
    for (const seal of [...context.seals.all]) {
      for (const page of context.blocks.headPages(seal)) {
        for (const { id, readings } of page) {
          const { rule, rawMs } = policies.of(seriesOf(id))
          const counts = countsOf(byRule, rule)
          counts.all.readings += readings
          if (past.has(seal) && isSudden(seal, rawMs)) counts.sudden.readings += readings
        }
        yield
      }
    }
    return true
  }

  *#countSums(
    byRule: Map<RetentionPolicy['rule'], Counts>,
    suddenMs: number,
  ): Generator<undefined, boolean, undefined> {
    const { context, policies, rollups } = this.#retention
    const summed = context.database.prepare('SELECT DISTINCT series FROM rollups').pluck().all() as number[]
    let found = false
    for (const series of summed) {
      const policy = policies.of(series)
      const { rule } = policy
      const { overdue, all } = rollups.count(series, sumsOverdueBefore(policy, (this.#now ?? -Infinity) - suddenMs))
      const counts = countsOf(byRule, rule)
      counts.all.sums += all
      counts.sudden.sums += overdue
      found ||= overdue > 0
      yield
    }
    return found
  }
}

function countsOf(byRule: Map<RetentionPolicy['rule'], Counts>, rule: RetentionPolicy['rule']): Counts {
  let counts = byRule.get(rule)
  if (counts === undefined) {
    counts = { sudden: { readings: 0, sums: 0 }, all: { readings: 0, sums: 0 } }
    byRule.set(rule, counts)
  }
  return counts
}
