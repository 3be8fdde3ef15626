import type { Database } from 'better-sqlite3'
import type { SeqSet } from '../base/ranges.ts'
import type { SeqRange } from '../base/reading.ts'

/** One device's account: readings, but for `rejected`, which counts messages that were none. */
export interface LedgerRow {
  readonly device: string
  readonly received: number
  readonly stored: number
  readonly rejected: number
  readonly duplicate: number
  readonly dropped: number
  readonly perUplink: Readonly<Record<string, { readonly confirmed: number; readonly waiting: number }>>
  /** The equations that do not hold, each in words; empty when the account balances. */
  readonly problems: readonly string[]
}

interface Counters {
  readonly id: number
  readonly name: string
  readonly received: number
  readonly stored: number
  readonly rejected: number
  readonly duplicate: number
  readonly dropped: number
}

/**
 * Checks the counters, which are written in the transactions of what they count, against the rows that are there:
 *
 * - received = stored + rejected + duplicate
 * - stored = readings in the log + dropped
 * - for each uplink: stored = confirmed (a counter) + waiting (counted now, from the log and the confirmed ranges) + dropped
 *
 * Reads the whole log once. Call it inside a transaction, so that all is seen at one moment.
 */
export function auditLedger(database: Database, uplinks: Map<string, { id: number; set: SeqSet }>): LedgerRow[] {
  const inLog = countPerDevice(database, [{ first: 1, last: Number.MAX_SAFE_INTEGER }])
  const accounts = [...uplinks].map(([name, { id, set }]) => ({
    name,
    confirmed: new Map(
      database.prepare('SELECT device, confirmed FROM confirmed_counts WHERE uplink = ?').raw().all(id) as [
        number,
        number,
      ][],
    ),
    waiting: countPerDevice(database, set.missing({ first: 1, last: Number.MAX_SAFE_INTEGER })),
  }))
  const devices = database.prepare('SELECT * FROM devices ORDER BY name').all() as Counters[]
  return devices.map((device) => {
    const perUplink = Object.fromEntries(
      accounts.map(({ name, confirmed, waiting }) => [
        name,
        { confirmed: confirmed.get(device.id) ?? 0, waiting: waiting.get(device.id) ?? 0 },
      ]),
    )
    const { name, received, stored, rejected, duplicate, dropped } = device
    const problems = findImbalances(device, inLog.get(device.id) ?? 0, perUplink)
    return { device: name, received, stored, rejected, duplicate, dropped, perUplink, problems }
  })
}

function findImbalances(device: Counters, inLog: number, perUplink: LedgerRow['perUplink']): string[] {
  const { received, stored, rejected, duplicate, dropped } = device
  const problems: string[] = []
  if (received !== stored + rejected + duplicate) {
    problems.push(`received ${received} is not stored ${stored} + rejected ${rejected} + duplicate ${duplicate}`)
  }
  if (stored !== inLog + dropped) problems.push(`stored ${stored} is not ${inLog} in the log + dropped ${dropped}`)
  for (const [uplink, { confirmed, waiting }] of Object.entries(perUplink)) {
    if (stored !== confirmed + waiting + dropped) {
      problems.push(
        `${uplink}: stored ${stored} is not confirmed ${confirmed} + waiting ${waiting} + dropped ${dropped}`,
      )
    }
  }
  return problems
}

function countPerDevice(database: Database, ranges: readonly SeqRange[]): Map<number, number> {
  const counts = new Map<number, number>()
  const count = database
    .prepare(
      `SELECT series.device, sum(n) FROM (SELECT series, count(*) AS n FROM log WHERE seq BETWEEN ? AND ? GROUP BY series)
       JOIN series ON series.id = series GROUP BY series.device`,
    )
    .raw()
  for (const { first, last } of ranges) {
    for (const [device, n] of count.all(first, last) as [number, number][]) {
      counts.set(device, (counts.get(device) ?? 0) + n)
    }
  }
  return counts
}
