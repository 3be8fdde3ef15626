import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { GOOD } from '../../src/base/flags.ts'
import { edgeSettings } from '../../src/base/settings.ts'
import { Store } from '../../src/store/store.ts'

/** Readings of one commit: rows of series number, UTC milliseconds, value. */
export type Commit = readonly (readonly [series: number, ts: number, value: number])[]

/** One way to keep readings on disk, each commit synced. */
export interface Layout {
  commit(rows: Commit): void
  /** Moves everything into the database file. */
  close(): void
}

/** The store of this project, through the calls that the store thread makes. */
function tidegate(folder: string): Layout {
  const { store: settings } = edgeSettings.parse({ edge: 'bench' })
  const store = Store.open(folder, settings, ['cloud'])
  return {
    commit(rows) {
      store.write(() => {
        for (const [number, ts, value] of rows) {
          const device = store.catalog.device(`device-${number}`)
          const series = store.catalog.find(device, 'value', undefined)
          device.received++
          device.stored++
          store.catalog.touch(device)
          store.log.append(series.id, ts, value, GOOD, ts)
        }
      })
      store.checkpointIfDue()
    },
    close: () => store.close(),
  }
}

/** The obvious table: an index on (series, ts), which answers every question and is touched everywhere by every commit. */
function indexed(folder: string): Layout {
  const database = open(folder)
  database.exec(`
    CREATE TABLE readings (series INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
      reasons INTEGER NOT NULL, received_at INTEGER NOT NULL) STRICT;
    CREATE INDEX by_series ON readings (series, ts)`)
  return inserting(database, 'INSERT INTO readings VALUES (?, ?, ?, 1, 0, ?)')
}

/** The same without the row id: the primary key is the order. */
function clustered(folder: string): Layout {
  const database = open(folder)
  database.exec(`
    CREATE TABLE readings (series INTEGER NOT NULL, ts INTEGER NOT NULL, seq INTEGER NOT NULL, value REAL,
      quality INTEGER NOT NULL, reasons INTEGER NOT NULL, received_at INTEGER NOT NULL,
      PRIMARY KEY (series, ts, seq)) STRICT, WITHOUT ROWID`)
  let seq = 0
  const insert = database.prepare('INSERT INTO readings VALUES (?, ?, ?, ?, 1, 0, ?)')
  const commit = database.transaction((rows: Commit) => {
    for (const [series, ts, value] of rows) insert.run(series, ts, ++seq, value, ts)
  })
  return { commit: (rows) => commit.immediate(rows), close: () => close(database) }
}

function inserting(database: Database, sql: string): Layout {
  const insert = database.prepare(sql)
  const commit = database.transaction((rows: Commit) => {
    for (const [series, ts, value] of rows) insert.run(series, ts, value, ts)
  })
  return { commit: (rows) => commit.immediate(rows), close: () => close(database) }
}

function open(folder: string): Database {
  const database = new SQLite(join(folder, 'readings.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  return database
}

function close(database: Database): void {
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}

export const LAYOUTS: Readonly<Record<string, (folder: string) => Layout>> = {
  tidegate,
  'table + index on (series, ts)': indexed,
  'primary key (series, ts, seq)': clustered,
}
