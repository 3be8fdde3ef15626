import type { Database } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'
import type { Positions } from '../positions.ts'
import { DeliveryAccount } from './account.ts'
import { NamePauses } from './name-pauses.ts'
import { Outbox } from './outbox.ts'

/** An uplink of the settings. */
export interface UplinkStart {
  readonly name: string
  /**
   * Of the readings that are already stored, a new uplink sends `all`, none (`now`), or those that arrived since this
   * time (UTC ms).
   */
  readonly start: 'all' | 'now' | number
}

/** An uplink that the settings no longer name. */
export interface Retired {
  readonly name: string
  /** Number of readings that it had not delivered. */
  readonly waiting: number
}

interface Surroundings {
  readonly database: Database
  readonly positions: Positions
  /** The highest assigned position. */
  readonly lastSeq: Seq
  /** A position from which on all readings arrived at or after this time (UTC ms). */
  readonly firstSince: (utc: number) => Seq
}

/**
 * Opens the outboxes of the uplinks in the settings. All other uplinks are removed with their backlog, so that their
 * readings may be removed by retention.
 */
export function openOutboxes(
  uplinks: readonly UplinkStart[],
  around: Surroundings,
): { readonly outboxes: readonly Outbox[]; readonly retired: readonly Retired[] } {
  const { database, positions, lastSeq } = around
  const open = database.transaction(() => {
    const retired = retireAllBut(uplinks, around)
    const named = uplinks.map((uplink) => ({ name: uplink.name, id: idOf(uplink, around) }))
    return { named, retired }
  })
  const { named, retired } = open.immediate()
  return { outboxes: named.map((one) => new Outbox(database, positions, { ...one, lastSeq })), retired }
}

function retireAllBut(uplinks: readonly UplinkStart[], { database, positions, lastSeq }: Surroundings): Retired[] {
  const known = database.prepare('SELECT id, name FROM uplinks').all() as { id: number; name: string }[]
  return known
    .filter(({ name }) => !uplinks.some((one) => one.name === name))
    .map(({ id, name }) => {
      const outbox = new Outbox(database, positions, { id, name, lastSeq })
      const gaps = outbox.settled.missing({ first: 1, last: lastSeq })
      const waiting = gaps.reduce((sum, gap) => sum + positions.count(gap, lastSeq), 0)
      for (const table of ['confirmed', 'confirmed_counts', 'parked', 'spending', 'forwards', 'parked_messages']) {
        database.prepare(`DELETE FROM ${table} WHERE uplink = ?`).run(id)
      }
      new NamePauses(database).end(name)
      database.prepare('DELETE FROM uplinks WHERE id = ?').run(id)
      return { name, waiting }
    })
}

/**
 * Returns the id of an uplink. For a new uplink, readings that were removed before it was added, and those that it does
 * not want, count as dropped.
 */
function idOf({ name, start }: UplinkStart, { database, positions, lastSeq, firstSince }: Surroundings): number {
  const { changes } = database.prepare('INSERT OR IGNORE INTO uplinks (name) VALUES (?)').run(name)
  const id = database.prepare('SELECT id FROM uplinks WHERE name = ?').pluck().get(name) as number
  if (changes === 0) return id
  const dropped = `INSERT INTO confirmed_counts (uplink, device, confirmed, dropped)
    SELECT ?, id, 0, expired + dropped + thinned + damaged FROM devices WHERE expired + dropped + thinned + damaged > 0`
  database.prepare(dropped).run(id)
  const first = start === 'all' ? 1 : start === 'now' ? lastSeq + 1 : firstSince(start)
  if (first > 1) {
    const account = new DeliveryAccount(database, id)
    const unwanted = { first: 1, last: Math.min(first - 1, lastSeq) }
    for (const [series, n] of positions.countBySeries(unwanted)) account.addDropped(account.deviceOf(series), n)
    if (unwanted.last >= 1) account.settle(unwanted)
  }
  return id
}
