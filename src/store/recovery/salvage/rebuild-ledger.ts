import type { Database } from 'better-sqlite3'
import { SeqSet } from '../../../base/ranges.ts'
import type { Seq, SeqRange } from '../../../base/reading.ts'
import { countParked, deviceCounter, EVERYTHING, type Removed } from '../../ledger.ts'
import { lostDevice } from './placeholder-names.ts'

type Account = { -readonly [Key in keyof Removed]: Removed[Key] } & {
  readonly id: number
  readonly name: string
  received: number
  stored: number
  rejected: number
  partial: number
  readonly duplicate: number
}

type Delivered = ReadonlyMap<number, { readonly confirmed: number; readonly dropped: number }>

/** The parts of the old accounts that could be read. */
export interface OldAccounts {
  /** Ids of the devices whose counters were read. */
  readonly counted: ReadonlySet<number>
  /** Whether all devices and all of their counts were read. */
  readonly allCounted: boolean
  /** Whether all delivery counters of uplinks were read. */
  readonly allDelivered: boolean
  /** Whether all settled positions of uplinks were read. */
  readonly allSettled: boolean
  /** The highest position that was ever assigned: each position was one reading. */
  readonly lastSeq: Seq
}

export interface DeviceLoss {
  readonly device: string
  readonly readings: number
}

/**
 * Adapts the ledger to the readings that are left, so that it balances and shows the loss:
 *
 * - a device's `damaged` increases by the readings that its counters have and that are missing;
 * - lost counters are rebuilt from the readings that are left and from the counts of uplinks;
 * - readings that neither kept readings nor counters account for are booked on a device of their own;
 * - for an uplink, lost readings that were not confirmed are `dropped`.
 *
 * All readings must be sealed, and all rows must have names. @returns the loss of each device, the largest first.
 */
export function rebuildLedger(database: Database, old: OldAccounts): DeviceLoss[] {
  const count = deviceCounter(database)
  const kept = count([EVERYTHING])
  const uplinks = database.prepare('SELECT id FROM uplinks').pluck().all() as number[]
  const settled = new Map(uplinks.map((id) => [id, readSettled(database, id)]))
  const waiting = new Map([...settled].map(([id, set]) => [id, count(set.missing(EVERYTHING))]))
  const delivered = new Map(uplinks.map((id) => [id, readDelivered(database, id)]))

  const losses = rebuildDevices(database, old, (id) => {
    const sentOrWaiting = uplinks.map((uplink) => {
      const { confirmed = 0, dropped = 0 } = delivered.get(uplink)!.get(id) ?? {}
      return confirmed + dropped + (old.allSettled ? (waiting.get(uplink)!.get(id) ?? 0) : 0)
    })
    return { kept: kept.get(id) ?? 0, storedMin: Math.max(0, ...sentOrWaiting) }
  })
  for (const id of uplinks) {
    const facts = { kept, waiting: waiting.get(id)!, settledCount: settled.get(id)!.count }
    rebuildUplink(database, id, { ...old, delivered: delivered.get(id)! }, facts)
  }
  return losses.sort((a, b) => b.readings - a.readings)
}

function accountsIn(database: Database): Account[] {
  return database.prepare('SELECT * FROM devices').all() as Account[]
}

function rebuildDevices(
  database: Database,
  { counted, allCounted, lastSeq }: OldAccounts,
  facts: (id: number) => { kept: number; storedMin: number },
): DeviceLoss[] {
  const losses: DeviceLoss[] = []
  const save = database.prepare(
    `UPDATE devices SET received = @received, stored = @stored, rejected = @rejected, partial = @partial,
     expired = @expired, dropped = @dropped, thinned = @thinned, damaged = @damaged WHERE id = @id`,
  )
  let known = 0
  const rebuild = rebuilder(database)
  for (const old of accountsIn(database)) {
    const { kept, storedMin } = facts(old.id)
    const account = counted.has(old.id)
      ? correct(old, { kept, storedMin: allCounted ? 0 : Math.max(storedMin, kept + removedOf(old)) })
      : rebuild(old, kept, storedMin)
    save.run(account)
    known += account.stored
    const readings = account.damaged - old.damaged
    if (readings > 0) losses.push({ device: account.name, readings })
  }
  const unaccounted = lastSeq - known
  if (!allCounted && unaccounted > 0) {
    const id = lostDevice(database)
    const add =
      'UPDATE devices SET received = received + @n, stored = stored + @n, damaged = damaged + @n WHERE id = @id'
    database.prepare(add).run({ n: unaccounted, id })
    const { name } = accountsIn(database).find((one) => one.id === id)!
    losses.push({ device: name, readings: unaccounted })
  }
  return losses
}

function removedOf({ expired, dropped, thinned, damaged }: Removed): number {
  return expired + dropped + thinned + damaged
}

/**
 * Corrects counters that were read by the readings that are left. If the newest counts are lost, `stored` is at least
 * `storedMin`. If more readings are left than the counters say, readings that had been removed are back.
 */
function correct(old: Account, { kept, storedMin }: { kept: number; storedMin: number }): Account {
  const more = Math.max(0, storedMin - old.stored)
  const account = { ...old, stored: old.stored + more, received: old.received + more }
  let missing = account.stored - removedOf(old) - kept
  if (missing >= 0) return { ...account, damaged: old.damaged + missing }
  for (const reason of ['expired', 'dropped', 'thinned', 'damaged'] as const) {
    const back = Math.min(-missing, account[reason])
    account[reason] -= back
    missing += back
  }
  return { ...account, stored: account.stored - missing, received: account.received - missing }
}

/** Rebuilds the counters of a device that lost its own. */
function rebuilder(database: Database): (old: Account, kept: number, storedMin: number) => Account {
  const summed = database
    .prepare('SELECT coalesce(sum(readings), 0) FROM rollups JOIN series ON series.id = series WHERE device = ?')
    .pluck()
  const rejects = database
    .prepare('SELECT count(*) FILTER (WHERE fields = 0), coalesce(sum(fields), 0) FROM rejects WHERE device = ?')
    .raw()
  return (old, kept, storedMin) => {
    const expired = summed.get(old.id) as number
    const [rejected, partial] = rejects.get(old.id) as [number, number]
    const stored = Math.max(kept + expired, storedMin)
    const received = stored + rejected + partial
    return { ...old, received, stored, rejected, partial, expired, damaged: stored - kept - expired }
  }
}

/**
 * Confirmed readings of an uplink stay confirmed; readings that it had not confirmed and no longer waits for are
 * dropped.
 */
function rebuildUplink(
  database: Database,
  uplink: number,
  old: Pick<OldAccounts, 'counted' | 'allDelivered'> & { readonly delivered: Delivered },
  facts: { kept: Map<number, number>; waiting: Map<number, number>; settledCount: number },
): void {
  const save = database.prepare('INSERT OR REPLACE INTO confirmed_counts VALUES (?, ?, ?, ?)')
  const parked = countParked(database, uplink)
  const isKnown = (id: number): boolean => old.delivered.has(id) || (old.allDelivered && old.counted.has(id))
  const accounts = accountsIn(database).sort((a, b) => Number(isKnown(b.id)) - Number(isKnown(a.id)))
  // Settled positions that are not assigned to a device yet: devices with lost counters get the rest.
  let settledLeft = facts.settledCount
  for (const { id, stored } of accounts) {
    const waits = (facts.waiting.get(id) ?? 0) + (parked.get(id) ?? 0)
    const keptSettled = (facts.kept.get(id) ?? 0) - waits
    const wanted = isKnown(id) ? (old.delivered.get(id)?.confirmed ?? 0) : Math.max(keptSettled, settledLeft)
    const confirmed = Math.min(wanted, stored - waits)
    settledLeft -= confirmed
    save.run(uplink, id, confirmed, stored - waits - confirmed)
  }
}

function readSettled(database: Database, uplink: number): SeqSet {
  const ranges = database.prepare('SELECT first, last FROM confirmed WHERE uplink = ? ORDER BY first').all(uplink)
  return new SeqSet(ranges as SeqRange[])
}

function readDelivered(database: Database, uplink: number): Delivered {
  const rows = database.prepare('SELECT device, confirmed, dropped FROM confirmed_counts WHERE uplink = ?').all(uplink)
  return new Map((rows as { device: number; confirmed: number; dropped: number }[]).map((row) => [row.device, row]))
}
