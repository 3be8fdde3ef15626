import type { Database } from 'better-sqlite3'
import type { SeqSet } from '../base/ranges.ts'
import type { SeqRange } from '../base/reading.ts'
import { Positions } from './positions.ts'
import { BlockTable } from './sealed/blocks.ts'
import { SealDirectory } from './sealed/seals.ts'
import { readDevices } from './tallies.ts'

/**
 * Readings that are no longer kept, by reason. For all reasons but `expired`, at least one uplink had not confirmed
 * them.
 */
export interface Removed {
  /** Confirmed by every uplink, and removed because they were past their retention or to make room for new ones. */
  readonly expired: number
  /** Dropped to make room for new ones on a full store (`store.whenFull: drop-oldest`). */
  readonly dropped: number
  /** Removed by thinning on a full store (`store.whenFull: thin`). */
  readonly thinned: number
  /** Lost in a damaged part of the database. */
  readonly damaged: number
}

/**
 * The account of one device. All numbers are readings, except `rejected`, which counts messages of which nothing was
 * understood, and `partial`, which counts fields that were not understood while the rest of their message was.
 */
export interface LedgerRow extends Removed {
  readonly device: string
  readonly received: number
  readonly stored: number
  readonly rejected: number
  readonly partial: number
  readonly duplicate: number
  readonly perUplink: Readonly<
    Record<
      string,
      { readonly confirmed: number; readonly waiting: number; readonly parked: number; readonly dropped: number }
    >
  >
  /** Equations that do not hold, each as a text; empty if the account balances. */
  readonly problems: readonly string[]
}

interface Counters extends Removed {
  readonly id: number
  readonly name: string
  readonly received: number
  readonly stored: number
  readonly rejected: number
  readonly partial: number
  readonly duplicate: number
}

type Counter = Exclude<keyof Counters, 'id' | 'name'>

/** A record, so that the compiler reports a counter that is missing here. */
const IS_COUNTER: Readonly<Record<Counter, true>> = {
  received: true,
  stored: true,
  rejected: true,
  partial: true,
  duplicate: true,
  expired: true,
  dropped: true,
  thinned: true,
  damaged: true,
}

/** All columns of `devices` that count. */
export const COUNTERS = Object.keys(IS_COUNTER) as readonly Counter[]

/**
 * Checks the counters, which are written in the transactions of the readings that they count, against the readings in
 * the store:
 *
 * - received = stored + rejected + partial + duplicate
 * - stored = kept (in the log and in sealed blocks) + expired + dropped + thinned + damaged
 * - for each uplink: stored = confirmed + dropped (counters) + parked (rows) + waiting (counted now, by the settled
 *   positions)
 *
 * Reads the whole log and the heads of all blocks once. Call it inside a transaction, so that it sees one moment.
 */
export function auditLedger(database: Database, uplinks: Map<string, { id: number; set: SeqSet }>): LedgerRow[] {
  const count = deviceCounter(database)
  const kept = count([EVERYTHING])
  const accounts = [...uplinks].map(([name, { id, set }]) => ({
    name,
    booked: new Map(
      (
        database.prepare('SELECT device, confirmed, dropped FROM confirmed_counts WHERE uplink = ?').raw().all(id) as [
          number,
          number,
          number,
        ][]
      ).map(([device, confirmed, dropped]) => [device, { confirmed, dropped }]),
    ),
    waiting: count(set.missing(EVERYTHING)),
    parked: countParked(database, id),
  }))
  const devices = readAccounts(database)
  return devices.map((device) => {
    const perUplink = Object.fromEntries(
      accounts.map(({ name, booked, waiting, parked }) => {
        const { confirmed, dropped } = booked.get(device.id) ?? { confirmed: 0, dropped: 0 }
        const { id } = device
        return [name, { confirmed, waiting: waiting.get(id) ?? 0, parked: parked.get(id) ?? 0, dropped }]
      }),
    )
    const { name, id, ...counters } = device
    return { device: name, ...counters, perUplink, problems: findImbalances(device, kept.get(id) ?? 0, perUplink) }
  })
}

export const EVERYTHING: SeqRange = { first: 1, last: Number.MAX_SAFE_INTEGER }

function findImbalances(device: Counters, kept: number, perUplink: LedgerRow['perUplink']): string[] {
  const { received, stored, rejected, partial, duplicate, expired, dropped, thinned, damaged } = device
  const problems: string[] = []
  if (received !== stored + rejected + partial + duplicate) {
    problems.push(
      `received ${received} is not stored ${stored} + rejected ${rejected} + partial ${partial} + duplicate ${duplicate}`,
    )
  }
  const removed = expired + dropped + thinned + damaged
  if (stored !== kept + removed) problems.push(`stored ${stored} is not ${kept} kept + ${removed} removed`)
  for (const [uplink, account] of Object.entries(perUplink)) {
    const { confirmed, waiting, parked } = account
    if (stored !== confirmed + waiting + parked + account.dropped) {
      problems.push(
        `${uplink}: stored ${stored} is not confirmed ${confirmed} + waiting ${waiting} + parked ${parked} + dropped ${account.dropped}`,
      )
    }
  }
  return problems
}

/** Returns a function that counts the readings at some positions, by the id of their device. */
export function deviceCounter(database: Database): (ranges: readonly SeqRange[]) => Map<number, number> {
  const positions = new Positions(database, new SealDirectory(database), new BlockTable(database))
  const deviceOf = new Map(database.prepare('SELECT id, device FROM series').raw().all() as [number, number][])
  return (ranges) => {
    const counts = new Map<number, number>()
    for (const range of ranges) {
      for (const [series, n] of positions.countBySeries(range)) {
        const device = deviceOf.get(series)!
        counts.set(device, (counts.get(device) ?? 0) + n)
      }
    }
    return counts
  }
}

/** Number of readings that an uplink has parked, by the id of their device. */
export function countParked(database: Database, uplink: number): Map<number, number> {
  const sql = `SELECT device, count(*) FROM parked JOIN series ON series.id = parked.series WHERE uplink = ? GROUP BY device`
  return new Map(database.prepare(sql).raw().all(uplink) as [number, number][])
}

function readAccounts(database: Database): Counters[] {
  const removed = database.prepare('SELECT expired, dropped, thinned, damaged FROM devices WHERE id = ?')
  const devices = readDevices(database).map((device) => ({ ...device, ...(removed.get(device.id) as Removed) }))
  return devices.sort((a, b) => (a.name < b.name ? -1 : 1))
}
