import type { Database } from 'better-sqlite3'
import type { SeqSet } from '../../base/ranges.ts'
import type { RetentionRule } from '../../settings/schema/retention.ts'
import type { TimeOf } from '../arrivals.ts'
import { BlockTable, seriesOf } from '../sealed/blocks.ts'
import { SealDirectory } from '../sealed/seals.ts'
import { overdueMs, Policies, sumsOverdueBefore } from './policy.ts'
import { Rollups } from './rollups.ts'

/** The readings that one rule keeps, and those that its next run removes. */
export interface RetentionPlan {
  /** `match` of the rule; undefined: series that no rule matches, which are kept completely while there is room. */
  readonly match: string | undefined
  /** Number of sealed readings that it applies to, and of series with such readings. */
  readonly readings: number
  readonly series: number
  /** Arrival (UTC ms) of the oldest of them; undefined: there is none. */
  readonly oldestAt: number | undefined
  /**
   * Readings past their time that are removed (`due`), and those that stay because an uplink has not confirmed them.
   */
  readonly due: number
  readonly unconfirmed: number
  /** Hourly sums that the rule keeps, and those that its next run removes. */
  readonly sums: number
  readonly sumsDue: number
}

interface Tally {
  readings: number
  readonly series: Set<number>
  oldestAt: number | undefined
  due: number
  unconfirmed: number
  sums: number
  sumsDue: number
}

export interface RetentionQuestion {
  readonly rules: readonly RetentionRule[]
  readonly settled: readonly SeqSet[]
  /** UTC ms of the store clock. */
  readonly now: number
  readonly timeOf: TimeOf
}

/** The effect that retention would have at this time, in the order of the rules. Changes nothing. */
export function planRetention(database: Database, { rules, settled, now, timeOf }: RetentionQuestion): RetentionPlan[] {
  const names = new Map(
    database
      .prepare(`SELECT series.id, devices.name || '/' || metric FROM series JOIN devices ON devices.id = device`)
      .raw()
      .all() as [number, string][],
  )
  const policies = new Policies(rules, (series) => names.get(series) ?? '')
  const tallies = new Map<RetentionRule | undefined, Tally>(
    [...rules, undefined].map((rule) => [
      rule,
      { readings: 0, series: new Set<number>(), oldestAt: undefined, due: 0, unconfirmed: 0, sums: 0, sumsDue: 0 },
    ]),
  )
  const rollups = new Rollups(database)
  for (const series of database.prepare('SELECT DISTINCT series FROM rollups').pluck().all() as number[]) {
    const policy = policies.of(series)
    const { all, overdue } = rollups.count(series, sumsOverdueBefore(policy, now))
    tallies.get(policy.rule)!.sums += all
    tallies.get(policy.rule)!.sumsDue += overdue
  }
  const blocks = new BlockTable(database)
  for (const seal of new SealDirectory(database).all) {
    const confirmed = settled.every((set) => (set.around(seal.first)?.last ?? 0) >= seal.last)
    for (const page of blocks.headPages(seal)) {
      for (const { id, readings } of page) {
        const policy = policies.of(seriesOf(id))
        const tally = tallies.get(policy.rule)!
        tally.readings += readings
        tally.series.add(seriesOf(id))
        tally.oldestAt ??= timeOf(seal.first, seal.receivedFirst)
        if (overdueMs(timeOf(seal.last, seal.receivedLast), policy, now) > 0)
          tally[confirmed ? 'due' : 'unconfirmed'] += readings
      }
    }
  }
  return [...tallies].map(([rule, { series, ...tally }]) => ({ match: rule?.match, ...tally, series: series.size }))
}
