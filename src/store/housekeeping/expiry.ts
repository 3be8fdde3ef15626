import { seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Task } from '../sealed/task.ts'
import { DAY_MS, overdueMs } from './policy.ts'
import { expire, pastSeals, type Retention } from './retention.ts'

/** Interval between checks for expired readings (ms). */
const EXPIRE_EVERY_MS = 600_000
/**
 * When more than this share of all sealed readings is past its time by more than a day, the removal waits until an
 * operator accepts it or room is short: a rule was changed, the edge was off for long, or a clock is wrong.
 */
export const REMOVAL_SHARE_MAX = 1 / 4
/** An operator's consent counts for this long (ms). */
const ACCEPTED_MS = DAY_MS

/** A removal that waits for an operator: `readings` of the `of` sealed readings are past their time. */
export interface WaitingRemoval {
  readonly readings: number
  readonly of: number
}

/** Decides when readings that are past their time are removed, and stops when the clock is in doubt. */
export class Expiry {
  readonly #retention: Retention
  readonly #isConfirmed: (seal: Seal) => boolean
  /** The store clock (UTC ms); undefined: nothing may be removed by age. */
  #now: number | undefined
  #ranAt: number | undefined
  #waiting: WaitingRemoval | undefined

  constructor(retention: Retention, isConfirmed: (seal: Seal) => boolean) {
    this.#retention = retention
    this.#isConfirmed = isConfirmed
  }

  /** @param now the store clock (UTC ms) @param isHeld the clock is in doubt: nothing may be removed by age */
  observe(now: number, isHeld: boolean): void {
    this.#now = isHeld ? undefined : now
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

  /** In a transaction: an operator agrees that all readings past their time are removed. @param now UTC ms, store clock */
  accept(now: number): void {
    const save = this.#retention.context.database.prepare(
      `INSERT OR REPLACE INTO meta (key, value) VALUES ('removal_accepted', ?)`,
    )
    save.run(Math.round(now))
    this.#ranAt = undefined
  }

  /** @param isShort room is short: a removal that waits for an operator is carried out */
  *run(isShort: boolean): Task {
    this.#ranAt = this.#now
    const options = { isConfirmed: this.#isConfirmed, now: () => this.#now }
    this.#waiting = undefined
    const large = yield* this.#countLarge()
    if (large !== undefined && !isShort && !this.#isAccepted) this.#waiting = large
    else yield* expire(this.#retention, options)
  }

  get #isAccepted(): boolean {
    const sql = `SELECT value FROM meta WHERE key = 'removal_accepted'`
    const at = this.#retention.context.database.prepare(sql).pluck().get() as number | undefined
    return at !== undefined && this.#now !== undefined && Math.abs(this.#now - at) <= ACCEPTED_MS
  }

  /** The readings that are past their time by more than a day, if they are more than the share; else undefined. */
  *#countLarge(): Generator<undefined, WaitingRemoval | undefined, undefined> {
    const { context, policies } = this.#retention
    const of = context.seals.all.reduce((sum, { readings }) => sum + readings, 0)
    const isLate = (seal: Seal, rawMs: number | undefined): boolean =>
      overdueMs(context.arrivedAt(seal), { rawMs }, this.#now ?? -Infinity) > DAY_MS
    const past = pastSeals(this.#retention, { isConfirmed: this.#isConfirmed, now: () => this.#now })
    const late = past.filter((seal) => isLate(seal, policies.rawMsMin))
    if (late.reduce((sum, { readings }) => sum + readings, 0) <= of * REMOVAL_SHARE_MAX) return undefined
    let readings = 0
    for (const seal of late) {
      for (const page of context.blocks.headPages(seal)) {
        for (const head of page) if (isLate(seal, policies.of(seriesOf(head.id)).rawMs)) readings += head.readings
        yield
      }
    }
    return readings > of * REMOVAL_SHARE_MAX ? { readings, of } : undefined
  }
}
