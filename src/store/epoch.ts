import type { Database } from 'better-sqlite3'
import { newName } from './database.ts'

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
