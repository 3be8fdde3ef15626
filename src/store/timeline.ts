import type { Database } from 'better-sqlite3'
import type { Seq } from '../base/reading.ts'
import { newName } from './database.ts'

/** Returns the name of the timeline of positions; creates one in a new database. */
export function readEpoch(database: Database): string {
  database.prepare(`INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)`).run(newName())
  return database.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get() as string
}

/**
 * Inside a transaction: begins a new timeline, for a database that went back in time or lost a part of itself. The
 * receiver may know positions that this database never assigned, or other readings at its positions. Confirmed readings
 * stay confirmed; all others are sent under the new name, with the positions that they have. @returns the new name.
 */
export function renewEpoch(database: Database): string {
  const epoch = newName()
  database.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)`).run(epoch)
  database.exec('DELETE FROM amendments')
  return epoch
}

/**
 * The highest position ever assigned. It is never assigned again, even if the log is empty, because confirmed positions
 * count too.
 */
export function readLastSeq(database: Database): Seq {
  const sql = `SELECT max(coalesce((SELECT max(seq) FROM log_a), 0), coalesce((SELECT max(seq) FROM log_b), 0),
    coalesce((SELECT max(last) FROM confirmed), 0), (SELECT value FROM meta WHERE key = 'sealed'))`
  return database.prepare(sql).pluck().get() as Seq
}
