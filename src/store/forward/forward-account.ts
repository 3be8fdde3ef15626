import type { Database } from 'better-sqlite3'
import { WANTED } from './messages.ts'

/** One uplink's account of messages. */
export interface ForwardAccount {
  readonly uplink: string
  readonly stored: number
  readonly confirmed: number
  readonly waiting: number
  readonly parked: number
  readonly dropped: number
  /** The equation that does not hold, as a text; empty if the account balances. */
  readonly problems: readonly string[]
}

/** A message that the cloud broker of an uplink refuses permanently. */
export interface ParkedMessage {
  readonly id: number
  readonly uplink: string
  /** UTC ms. */
  readonly parkedAt: number
  readonly reason: string
  /** The topic of the device's publish, and the template of the topic on the uplink. */
  readonly topic: string
  readonly target: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** UTC ms. */
  readonly receivedAt: number
  readonly payload: Uint8Array
  /** An operator has requested that it is sent again. */
  readonly replay: boolean
}

/**
 * Checks the counters against the messages in the store: for each uplink stored = confirmed + dropped (counters) +
 * parked + waiting (rows). Call it inside a transaction, so that it sees one moment.
 */
export function auditForwards(database: Database): ForwardAccount[] {
  const rows = database
    .prepare(
      `SELECT uplinks.id, uplinks.name AS uplink, settled, stored, confirmed, dropped,
       (SELECT count(*) FROM parked_messages WHERE parked_messages.uplink = uplinks.id) AS parked
       FROM forwards JOIN uplinks ON uplinks.id = forwards.uplink ORDER BY uplinks.id`,
    )
    .all() as (Omit<ForwardAccount, 'waiting' | 'problems'> & { id: number; settled: number })[]
  const count = database
    .prepare<[number, string, number]>(
      `SELECT count(*) FROM messages WHERE id > ? AND ${WANTED} AND NOT EXISTS
       (SELECT 1 FROM parked_messages WHERE message = messages.id AND uplink = ?)`,
    )
    .pluck()
  return rows.map(({ id, settled, ...account }) => {
    const waiting = count.get(settled, account.uplink, id) as number
    const { uplink, stored, confirmed, parked, dropped } = account
    const balances = stored === confirmed + waiting + parked + dropped
    const text = `${uplink}: messages stored ${stored} are not confirmed ${confirmed} + waiting ${waiting} + parked ${parked} + dropped ${dropped}`
    return { ...account, waiting, problems: balances ? [] : [text] }
  })
}

/** Parked messages, the newest first; only those with an id below `beforeId`. */
export function parkedMessages(database: Database, limit: number, beforeId = Number.MAX_SAFE_INTEGER): ParkedMessage[] {
  const rows = database
    .prepare(
      `SELECT parked.id, uplinks.name AS uplink, parked_at AS parkedAt, reason, topic, target, qos, retain,
       received_at AS receivedAt, payload, replay FROM parked_messages AS parked
       JOIN uplinks ON uplinks.id = parked.uplink JOIN messages ON messages.id = parked.message
       WHERE parked.id < ? ORDER BY parked.id DESC LIMIT ?`,
    )
    .all(beforeId, limit) as (Omit<ParkedMessage, 'retain' | 'replay'> & { retain: 0 | 1; replay: 0 | 1 })[]
  return rows.map((row) => ({ ...row, retain: row.retain === 1, replay: row.replay === 1 }))
}

/**
 * After a salvage: makes the accounts balance. Messages that are left wait (from the first one, if the settled number
 * of the uplink is lost); messages that are lost count as dropped.
 */
export function rebuildForwards(database: Database): void {
  database.exec(`
    DELETE FROM parked_messages WHERE message NOT IN (SELECT id FROM messages);
    INSERT OR IGNORE INTO forwards (uplink, settled, stored) SELECT id, 0, 0 FROM uplinks;
    DELETE FROM forwards WHERE uplink NOT IN (SELECT id FROM uplinks)`)
  const save = database.prepare(
    `UPDATE forwards SET stored = max(stored, ?), dropped = max(stored, ?) - ? WHERE uplink = (SELECT id FROM uplinks WHERE name = ?)`,
  )
  for (const { uplink, confirmed, waiting, parked } of auditForwards(database)) {
    const known = confirmed + waiting + parked
    save.run(known, known, known, uplink)
  }
}
