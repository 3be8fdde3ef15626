import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import type { Readings } from './plant.ts'

/** One way to keep readings on disk, each commit synced. */
export interface Layout {
  commit(readings: Readings): void | Promise<void>
  /** Moves the newest readings on, if that is due; once a commit is answered. */
  checkpointIfDue?(): void
  /**
   * Work for when nobody waits, a slice of it. @param now UTC ms. @param busy commits go on.
   * @returns whether there is more to do at once.
   */
  runHousekeeping?(now: number, busy: boolean): boolean
  /** Moves everything to where it stays. */
  close(): void | Promise<void>
}

/** The obvious table: an index on (series, ts), which answers every question and is touched everywhere by every commit. */
export function indexedTable(folder: string): Layout {
  const database = openSqlite(folder)
  database.exec(`
    CREATE TABLE readings (series INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
      reasons INTEGER NOT NULL, received_at INTEGER NOT NULL) STRICT;
    CREATE INDEX by_series ON readings (series, ts)`)
  const insert = database.prepare('INSERT INTO readings VALUES (?, ?, ?, 1, 0, ?)')
  const commit = database.transaction(({ count, series, ts, value, receivedAt }: Readings) => {
    for (let i = 0; i < count; i++) insert.run(series[i], ts[i], value[i], receivedAt[i])
  })
  return { commit: (readings) => commit.immediate(readings), close: () => closeSqlite(database) }
}

/** The same without the row id: the primary key is the order. */
export function clusteredTable(folder: string): Layout {
  const database = openSqlite(folder)
  database.exec(`
    CREATE TABLE readings (series INTEGER NOT NULL, ts INTEGER NOT NULL, seq INTEGER NOT NULL, value REAL,
      quality INTEGER NOT NULL, reasons INTEGER NOT NULL, received_at INTEGER NOT NULL,
      PRIMARY KEY (series, ts, seq)) STRICT, WITHOUT ROWID`)
  let seq = 0
  const insert = database.prepare('INSERT INTO readings VALUES (?, ?, ?, ?, 1, 0, ?)')
  const commit = database.transaction(({ count, series, ts, value, receivedAt }: Readings) => {
    for (let i = 0; i < count; i++) insert.run(series[i], ts[i], ++seq, value[i], receivedAt[i])
  })
  return { commit: (readings) => commit.immediate(readings), close: () => closeSqlite(database) }
}

function openSqlite(folder: string): Database {
  const database = new SQLite(join(folder, 'readings.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  return database
}

function closeSqlite(database: Database): void {
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}
