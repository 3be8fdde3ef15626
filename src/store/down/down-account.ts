import type { Database } from 'better-sqlite3'

/** Messages from the cloud that were stored, and what became of them. */
export interface DownCounts {
  /** All that were ever stored. */
  readonly stored: number
  /** Acknowledged by a local client. */
  readonly delivered: number
  /** Removed after `expiryS`, because no local client had acknowledged them. */
  readonly expired: number
  /** Removed by an operator. */
  readonly discarded: number
  /** Lost in a damaged part of the database. */
  readonly damaged: number
}

/** The account of messages from the cloud. */
export interface DownAccount extends DownCounts {
  readonly waiting: number
  /** The equation that does not hold, as a text; empty if the account balances. */
  readonly problems: readonly string[]
}

/** A waiting message, without its payload. */
export interface DownHead {
  readonly id: number
  /** On the local broker. */
  readonly topic: string
  readonly retain: boolean
  /** UTC ms of the store clock. */
  readonly receivedAt: number
  readonly expiresAt: number
  readonly payloadBytes: number
}

const NO_COUNTS: DownCounts = { stored: 0, delivered: 0, expired: 0, discarded: 0, damaged: 0 }
/** Key of the counts in `meta`, as JSON. */
const KEY = 'down'
const HEAD = `id, topic, retain, received_at AS receivedAt, expires_at AS expiresAt, octet_length(payload) AS payloadBytes`

/** All zero if there are none, or if they were damaged (see `rebuildDown`). */
export function readDownCounts(database: Database): DownCounts {
  const json = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(KEY)
  try {
    return { ...NO_COUNTS, ...(JSON.parse(String(json)) as DownCounts) }
  } catch {
    return NO_COUNTS
  }
}

export function writeDownCounts(
  database: Database,
  { stored, delivered, expired, discarded, damaged }: DownCounts,
): void {
  const value = JSON.stringify({ stored, delivered, expired, discarded, damaged })
  database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(KEY, value)
}

/**
 * Checks the counters against the messages in the store: stored = waiting (rows) + delivered + expired + discarded +
 * damaged. Call it inside a transaction, so that it sees one moment.
 */
export function auditDown(database: Database): DownAccount {
  const counts = readDownCounts(database)
  const waiting = database.prepare('SELECT count(*) FROM down').pluck().get() as number
  const { stored, delivered, expired, discarded, damaged } = counts
  const balances = stored === waiting + delivered + expired + discarded + damaged
  const text = `messages from the cloud: stored ${stored} is not waiting ${waiting} + delivered ${delivered} + expired ${expired} + discarded ${discarded} + damaged ${damaged}`
  return { ...counts, waiting, problems: balances ? [] : [text] }
}

/** Waiting messages with an id above `after`, in order of arrival: at most `countMax`. */
export function downHeads(database: Database, after: number, countMax: number): DownHead[] {
  const rows = database.prepare(`SELECT ${HEAD} FROM down WHERE id > ? ORDER BY id LIMIT ?`).all(after, countMax)
  return (rows as (Omit<DownHead, 'retain'> & { retain: 0 | 1 })[]).map((row) => ({ ...row, retain: row.retain === 1 }))
}

/** The payload of a waiting message; undefined: there is no such message any more. */
export function downPayload(database: Database, id: number): Uint8Array | undefined {
  return database.prepare('SELECT payload FROM down WHERE id = ?').pluck().get(id) as Uint8Array | undefined
}

/** After a salvage: makes the account balance. Messages that are lost count as damaged; no id is assigned again. */
export function rebuildDown(database: Database): void {
  const { waiting, delivered, expired, discarded, ...counts } = auditDown(database)
  const highest = database.prepare('SELECT coalesce(max(id), 0) FROM down').pluck().get() as number
  const stored = Math.max(counts.stored, highest, waiting + delivered + expired + discarded)
  if (stored === 0) return
  const damaged = stored - waiting - delivered - expired - discarded
  writeDownCounts(database, { stored, delivered, expired, discarded, damaged })
}
