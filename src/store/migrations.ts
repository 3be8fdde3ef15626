import type { Database } from 'better-sqlite3'

/**
 * Schema of tidegate.db, one entry a version: forward only, each in one transaction. An entry is never edited once it
 * was released; a change is a new entry.
 *
 * `value` is ANY: REAL is a number, INTEGER 0 or 1 a boolean, TEXT a text, BLOB bytes, NULL a missing value.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE devices (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    received INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE series (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices (id), metric TEXT NOT NULL,
    unit TEXT NOT NULL, type TEXT, UNIQUE (device, metric, unit)
  ) STRICT;
  CREATE TABLE log (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, ts INTEGER NOT NULL, value ANY,
    quality INTEGER NOT NULL, reasons INTEGER NOT NULL, received_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, device INTEGER NOT NULL REFERENCES devices (id),
    topic TEXT NOT NULL, client TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL, payload_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE uplinks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amended INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE confirmed (
    uplink INTEGER NOT NULL REFERENCES uplinks (id), first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (uplink, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE confirmed_counts (
    uplink INTEGER NOT NULL REFERENCES uplinks (id), device INTEGER NOT NULL REFERENCES devices (id),
    confirmed INTEGER NOT NULL, PRIMARY KEY (uplink, device)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE amendments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, quality INTEGER NOT NULL, reasons INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE incoming (
    client TEXT NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (client, message_id)
  ) STRICT, WITHOUT ROWID;
  `,
]

/** 'TDGT': tells a Tidegate database from any other SQLite file. */
export const APPLICATION_ID = 0x54444754

/** Brings the schema to the newest version, one transaction a step. */
export function migrate(database: Database): void {
  const from = database.pragma('user_version', { simple: true }) as number
  for (let version = from + 1; version <= MIGRATIONS.length; version++) {
    database
      .transaction(() => {
        database.exec(MIGRATIONS[version - 1]!)
        database.pragma(`application_id = ${APPLICATION_ID}`)
        database.pragma(`user_version = ${version}`)
      })
      .immediate()
  }
}
