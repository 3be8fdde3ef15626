import type { Database } from 'better-sqlite3'
import type { Seq } from '../base/reading.ts'
import { newName } from './database.ts'

/** The name of the timeline of positions; a new database gets one. */
export function readEpoch(database: Database): string {
  database.prepare(`INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)`).run(newName())
  return database.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get() as string
}

/**
 * Inside a transaction: a new timeline, for a database that has gone back in time or lost a part of itself. The far side
 * may know positions that it never gave, or other readings under them. What is confirmed stays so; everything else goes
 * out under the new name, with the positions it has. @returns the name.
 */
export function renewEpoch(database: Database): string {
  const epoch = newName()
  database.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)`).run(epoch)
  database.exec('DELETE FROM amendments')
  return epoch
}

/** The highest position ever given. It is never given again, also when the log is empty: what was confirmed was given. */
export function readLastSeq(database: Database): Seq {
  const sql = `SELECT max(coalesce((SELECT max(seq) FROM log_a), 0), coalesce((SELECT max(seq) FROM log_b), 0),
    coalesce((SELECT max(last) FROM confirmed), 0), (SELECT value FROM meta WHERE key = 'sealed'))`
  return database.prepare(sql).pluck().get() as Seq
}
