import type { Log } from '../../base/log.ts'
import type { Connection } from './connection.ts'
import { quoted, timestamp } from './literals.ts'
import { isThere, lockSchema } from './schema.ts'

/**
 * A month further from the present than this has no partition of its own: a device with a wrong clock must not create
 * thousands. Its readings are in `reading_default`.
 */
const MONTHS_BACK_MAX = 120
const MONTHS_AHEAD_MAX = 12
/** The partition of the next month is created this long before it begins. */
const AHEAD_MS = 7 * 24 * 3_600_000
/** Creating a partition waits at most this long for readers of `reading_default`; storing does not wait for it. */
const LOCK_TIMEOUT_MS = 1_000
/** A partition that could not be created is not tried again before this time (milliseconds). */
const RETRY_MS = 60_000

/** Months since the year 0. */
type Month = number

/**
 * The partitions of `reading`, one per month (UTC), created before the readings arrive. If one cannot be created, its
 * readings go into `reading_default`; they are moved as soon as it can.
 */
export class Partitions {
  readonly #schema: string
  readonly #log: Log
  readonly #there = new Set<Month>()
  #ours: boolean | undefined
  #retryAt = 0

  constructor(schema: string, log: Log) {
    this.#schema = schema
    this.#log = log
  }

  forget(): void {
    this.#there.clear()
    this.#ours = undefined
  }

  /** Creates the missing partitions for readings of these times. A failure is logged, and tried again later. */
  async prepare(times: Iterable<Float64Array>, now: number, connection: Connection): Promise<void> {
    const missing = [...monthsOf(times, now)].filter((month) => !this.#there.has(month))
    const waitMs = this.#retryAt - now
    // More than the whole pause: the clock was set back.
    if (missing.length === 0 || (waitMs > 0 && waitMs <= RETRY_MS)) return
    try {
      this.#ours ??= await this.#arePartitionsOurs(connection)
      for (const month of this.#ours ? missing.sort((a, b) => a - b) : []) {
        await connection.transaction(() => this.#make(month, connection))
      }
      for (const month of missing) this.#there.add(month)
    } catch (failure) {
      this.#retryAt = now + RETRY_MS
      this.#log.warn(
        { err: failure },
        'cannot create a partition: its readings go into reading_default until it exists',
      )
    }
  }

  /** A table that an operator has put in place of Tidegate's (a hypertable, for example) is left to the operator. */
  async #arePartitionsOurs(connection: Connection): Promise<boolean> {
    const table = `${quoted(this.#schema)}.reading`
    const [row] = await connection.rows<[string]>('SELECT relkind FROM pg_class WHERE oid = to_regclass($1)', [table])
    return row?.[0] === 'p'
  }

  /**
   * Other clients may read and write meanwhile: only `reading_default` is locked, for the search, and not before the
   * new partition exists.
   */
  async #make(month: Month, connection: Connection): Promise<void> {
    await connection.run(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
    await lockSchema(connection, this.#schema, 'partitions')
    const schema = quoted(this.#schema)
    const partition = `${schema}.${nameOf(month)}`
    if (await isThere(connection, this.#schema, nameOf(month))) return
    const [from, to] = [timestamp(startOf(month)), timestamp(startOf(month + 1))]
    await connection.run(
      `CREATE TABLE ${partition} (LIKE ${schema}.reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`,
      `LOCK TABLE ${schema}.reading_default IN ACCESS EXCLUSIVE MODE`,
      `WITH moved AS (DELETE FROM ${schema}.reading_default WHERE ts >= '${from}' AND ts < '${to}' RETURNING *)
       INSERT INTO ${partition} SELECT * FROM moved`,
      `ALTER TABLE ${schema}.reading ATTACH PARTITION ${partition} FOR VALUES FROM ('${from}') TO ('${to}')`,
    )
  }
}

/**
 * The months that should have a partition: those of the readings, as far as they are near, the present one and the
 * next one.
 */
function monthsOf(times: Iterable<Float64Array>, now: number): Set<Month> {
  const present = monthOf(now)
  const months = new Set<Month>([present, monthOf(now + AHEAD_MS)])
  for (const column of times) {
    let [from, to] = [0, 0]
    for (const ts of column) {
      if (ts >= from && ts < to) continue
      const month = monthOf(ts)
      from = startOf(month)
      to = startOf(month + 1)
      if (month >= present - MONTHS_BACK_MAX && month <= present + MONTHS_AHEAD_MAX) months.add(month)
    }
  }
  return months
}

function monthOf(ts: number): Month {
  const time = new Date(ts)
  return time.getUTCFullYear() * 12 + time.getUTCMonth()
}

/** UTC milliseconds. */
function startOf(month: Month): number {
  return new Date(0).setUTCFullYear(Math.floor(month / 12), month - 12 * Math.floor(month / 12), 1)
}

function nameOf(month: Month): string {
  return `reading_${Math.floor(month / 12)}_${String((month % 12) + 1).padStart(2, '0')}`
}
