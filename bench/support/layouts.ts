import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import type { Checksums } from './checksums.ts'
import { PLANT_START, type Readings } from './plant.ts'

/** One way to keep readings on disk, each commit synced. */
export interface Layout {
  commit(readings: Readings): void | Promise<void>
  /** Moves the newest pages from the WAL to the database, if that is due; called after a commit is answered. */
  checkpointIfDue?(): void
  /**
   * One slice of the work that is done when no commit waits. @param now UTC ms. @param busy commits continue.
   * @returns whether there is more to do at once.
   */
  runHousekeeping?(now: number, busy: boolean): boolean
  /** Moves everything to where it stays. */
  close(): void | Promise<void>
  /** After `close`: adds every reading that is found in the files. */
  readBack(found: Checksums): void | Promise<void>
}

/** The obvious table, with an index on (series, ts): it answers every question, and every commit touches it everywhere. */
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
  return {
    commit: (readings) => commit.immediate(readings),
    close: () => closeSqlite(database),
    readBack: (found) => readTable(folder, found),
  }
}

/** The same without a row id: the primary key is the order. */
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
  return {
    commit: (readings) => commit.immediate(readings),
    close: () => closeSqlite(database),
    readBack: (found) => readTable(folder, found),
  }
}

function openSqlite(folder: string): Database {
  const database = new SQLite(fileIn(folder))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  return database
}

function closeSqlite(database: Database): void {
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}

function readTable(folder: string, found: Checksums): void {
  const database = new SQLite(fileIn(folder), { readonly: true })
  const sql = 'SELECT series, count(*) AS count, sum(ts - ?) AS ts, sum(value) AS value FROM readings GROUP BY series'
  const rows = database.prepare(sql).all(PLANT_START) as { series: number; count: number; ts: number; value: number }[]
  database.close()
  for (const { series, count, ts, value } of rows) found.add(series, ts, value, count)
}

function fileIn(folder: string): string {
  return join(folder, 'readings.db')
}
