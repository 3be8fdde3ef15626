import type { Database, Statement } from 'better-sqlite3'
import { worse } from '../../base/flags.ts'
import type { Quality } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'

export const HOUR_MS = 3_600_000

/** Sums over removed readings of one series and one hour. */
interface Rollup {
  readings: number
  good: number
  worst: Quality
  numbers: number
  min: number
  max: number
  sum: number
}

export type HourlySums = ReadonlyMap<number, Readonly<Rollup>>

/**
 * Hourly sums of removed readings. A reading is in the log, in a block, or in one of these sums. So queries over hours
 * combine all three, and count nothing twice.
 */
export class Rollups {
  readonly #add: Statement<unknown[]>
  readonly #worst: Statement<[number, number]>
  readonly #expire: Statement<[number, number]>
  readonly #dropOldest: Statement<[number]>
  readonly #count: Statement<[number, number]>

  constructor(database: Database) {
    this.#add = database.prepare(`INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      readings = readings + excluded.readings, good = good + excluded.good, worst = excluded.worst,
      numbers = numbers + excluded.numbers, value_sum = CASE WHEN excluded.numbers = 0 THEN value_sum
      WHEN numbers = 0 THEN excluded.value_sum ELSE value_sum + excluded.value_sum END, value_min = coalesce(min(value_min, excluded.value_min), value_min, excluded.value_min),
      value_max = coalesce(max(value_max, excluded.value_max), value_max, excluded.value_max),
      kept_from = max(kept_from, excluded.kept_from)`)
    this.#worst = database.prepare('SELECT worst FROM rollups WHERE series = ? AND hour = ?').pluck()
    this.#expire = database.prepare(
      'DELETE FROM rollups WHERE series = ? AND CASE kept_from WHEN -1 THEN hour ELSE kept_from END < ?',
    )
    this.#count = database.prepare(
      `SELECT count(*) AS "all", coalesce(sum(CASE kept_from WHEN -1 THEN hour ELSE kept_from END < ?), 0) AS overdue
       FROM rollups WHERE series = ?`,
    )
    this.#dropOldest = database.prepare(
      `DELETE FROM rollups WHERE hour <=
        coalesce((SELECT hour FROM rollups ORDER BY hour LIMIT 1 OFFSET ?), (SELECT max(hour) FROM rollups))`,
    )
  }

  /**
   * In the transaction that removes the readings: adds their sums.
   * @param keptFrom arrival of the newest of the readings (UTC ms of the store clock): their sums age from then on
   */
  add(series: number, sums: HourlySums, keptFrom: number): void {
    for (const [hour, { readings, good, worst, numbers, min, max, sum }] of sums) {
      const before = this.#worst.get(series, hour) as Quality | undefined
      const all = before === undefined ? worst : worse(before, worst)
      const values = numbers > 0 ? [min, max, Number.isNaN(sum) ? null : sum] : [null, null, null]
      this.#add.run(series, hour, readings, good, all, numbers, ...values, keptFrom)
    }
  }

  /** Removes the sums of a series whose readings arrived before this time (UTC ms). @returns the number of rows removed. */
  expire(series: number, before: number): number {
    return this.#expire.run(series, before).changes
  }

  /** Number of sums of a series, and of those whose readings arrived before this time (UTC ms). */
  count(series: number, before: number): { readonly all: number; readonly overdue: number } {
    return this.#count.get(before, series) as { all: number; overdue: number }
  }

  /** Removes about `count` of the oldest sums. @returns the number of rows removed. */
  dropOldest(count: number): number {
    return this.#dropOldest.run(count - 1).changes
  }
}

/**
 * Sums up some rows of a block, by the start of their hour (UTC ms). The values leave BAD numbers out, as history does by
 * default: sums over an hour cannot be separated later.
 */
export function sumByHour(
  { ts, values, quality }: BlockColumns,
  isRemoved: (row: number) => boolean = () => true,
): HourlySums {
  const hours = new Map<number, Rollup>()
  for (let i = 0; i < ts.length; i++) {
    if (!isRemoved(i)) continue
    const hour = Math.floor(ts[i]! / HOUR_MS) * HOUR_MS
    let rollup = hours.get(hour)
    if (rollup === undefined) {
      rollup = { readings: 0, good: 0, worst: 9, numbers: 0, min: Infinity, max: -Infinity, sum: 0 }
      hours.set(hour, rollup)
    }
    const flag = quality[i] as Quality
    rollup.readings++
    rollup.worst = worse(rollup.worst, flag)
    if (flag === 1) rollup.good++
    const value = values[i]
    if (typeof value !== 'number' || flag === 4) continue
    rollup.numbers++
    rollup.min = Math.min(rollup.min, value)
    rollup.max = Math.max(rollup.max, value)
    rollup.sum += value
  }
  return hours
}
