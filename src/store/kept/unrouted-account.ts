import type { Database } from 'better-sqlite3'

/** Messages that were kept because they had no route and no local subscriber, and what became of them. */
export interface UnroutedCounts {
  /** All that were ever kept. */
  readonly stored: number
  /** Stored as readings, repeats, rejects or forwarded messages, after a route was added. */
  readonly replayed: number
  /** Removed to keep the bounds or to make room for readings, or lost in a damaged part of the database. */
  readonly dropped: number
  /** Removed by an operator. */
  readonly discarded: number
}

/** The account of messages without a route. */
export interface UnroutedAccount extends UnroutedCounts {
  readonly waiting: number
  /** The equation that does not hold, as a text; empty if the account balances. */
  readonly problems: readonly string[]
}

/** A kept message, without its payload. */
export interface UnroutedHead {
  readonly id: number
  /** UTC ms. */
  readonly receivedAt: number
  readonly topic: string
  readonly client: string
  readonly payloadBytes: number
}

const NO_COUNTS: UnroutedCounts = { stored: 0, replayed: 0, dropped: 0, discarded: 0 }
/** Key of the counts in `meta`, as JSON. */
const KEY = 'unrouted'

/** All zero if there are none, or if they were damaged (see `rebuildUnrouted`). */
export function readCounts(database: Database): UnroutedCounts {
  const json = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(KEY)
  try {
    return { ...NO_COUNTS, ...(JSON.parse(String(json)) as UnroutedCounts) }
  } catch {
    return NO_COUNTS
  }
}

export function writeCounts(database: Database, { stored, replayed, dropped, discarded }: UnroutedCounts): void {
  const value = JSON.stringify({ stored, replayed, dropped, discarded })
  database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(KEY, value)
}

/**
 * Checks the counters against the messages in the store: stored = waiting (rows) + replayed + dropped + discarded. Call
 * it inside a transaction, so that it sees one moment.
 */
export function auditUnrouted(database: Database): UnroutedAccount {
  const counts = readCounts(database)
  const waiting = database.prepare('SELECT count(*) FROM unrouted').pluck().get() as number
  const { stored, replayed, dropped, discarded } = counts
  const balances = stored === waiting + replayed + dropped + discarded
  const text = `messages without a route: stored ${stored} is not waiting ${waiting} + replayed ${replayed} + dropped ${dropped} + discarded ${discarded}`
  return { ...counts, waiting, problems: balances ? [] : [text] }
}

/** All kept messages, in order of arrival. */
export function unroutedHeads(database: Database): IterableIterator<UnroutedHead> {
  const sql =
    'SELECT id, received_at AS receivedAt, topic, client, octet_length(payload) AS payloadBytes FROM unrouted ORDER BY id'
  return database.prepare<[], UnroutedHead>(sql).iterate()
}

/** The payload of a kept message; undefined: there is no such message any more. */
export function unroutedPayload(database: Database, id: number): Uint8Array | undefined {
  return database.prepare('SELECT payload FROM unrouted WHERE id = ?').pluck().get(id) as Uint8Array | undefined
}

/** After a salvage: makes the account balance. Messages that are lost count as dropped; no id is assigned again. */
export function rebuildUnrouted(database: Database): void {
  const { waiting, replayed, discarded, ...counts } = auditUnrouted(database)
  const highest = database.prepare('SELECT coalesce(max(id), 0) FROM unrouted').pluck().get() as number
  const stored = Math.max(counts.stored, highest, waiting + replayed + discarded)
  if (stored === 0) return
  writeCounts(database, { stored, replayed, discarded, dropped: stored - waiting - replayed - discarded })
}
