import type { Database, Statement } from 'better-sqlite3'

/** The second epoch in a row begins at the earliest this long after the first (ms). Each pause is twice the last. */
const PAUSE_MS_MIN = 60_000
/** The longest pause (ms): a receiver that always says that this database was set back gets four epochs a day. */
const PAUSE_MS_MAX = 6 * 3_600_000
/** After this time without a new epoch (ms) the next one begins at once again. */
const QUIET_MS = 24 * 3_600_000

interface Renewals {
  readonly count: number
  /** UTC ms. */
  readonly at: number
}

/**
 * Limits how often receivers can make this edge begin a new epoch. Each epoch makes all uplinks send again what is not
 * confirmed, and every receiver keeps it for ever. The state is kept over restarts. A wrong clock can shorten or
 * lengthen a pause, but not beyond PAUSE_MS_MAX.
 */
export class EpochRenewals {
  readonly #read: Statement<[]>
  readonly #save: Statement<[string]>

  constructor(database: Database) {
    this.#read = database.prepare(`SELECT value FROM meta WHERE key = 'renewals'`).pluck()
    this.#save = database.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('renewals', ?)`)
  }

  /** Milliseconds until a new epoch may begin; 0: now. */
  heldMs(now: number): number {
    const { count, at } = this.#last(now)
    if (count === 0) return 0
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (count - 1))
    return Math.max(0, Math.min(at, now) + pauseMs - now)
  }

  /** In its owner's transaction: a new epoch begins. */
  note(now: number): void {
    this.#save.run(JSON.stringify({ count: this.#last(now).count + 1, at: now }))
  }

  #last(now: number): Renewals {
    const text = this.#read.get() as string | undefined
    const { count, at } = text === undefined ? { count: 0, at: 0 } : (JSON.parse(text) as Renewals)
    return now - at > QUIET_MS ? { count: 0, at } : { count, at }
  }
}
