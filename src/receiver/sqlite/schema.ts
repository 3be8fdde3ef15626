/**
 * Schema of received.db, one entry per version: forward only, each in one transaction. An entry is never edited after
 * its release; a change is a new entry.
 *
 * `reading` is clustered by series and time, because that is how it is read; `places` records where the reading of
 * each position is, in a list for each stretch (places.ts). Clustering by position costs as much to write and 20
 * times as much to read (README.md).
 *
 * `value` is ANY: REAL is a number, INTEGER 0 or 1 a boolean, TEXT a text, BLOB bytes, NULL a missing value.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, edge TEXT NOT NULL, epoch TEXT NOT NULL, UNIQUE (edge, epoch)
  ) STRICT;
  CREATE TABLE series (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
    UNIQUE (device, metric, unit)
  ) STRICT;
  CREATE TABLE reading (
    series INTEGER NOT NULL REFERENCES series (id), ts INTEGER NOT NULL,
    log INTEGER NOT NULL REFERENCES logs (id), seq INTEGER NOT NULL, value ANY,
    quality INTEGER NOT NULL, reasons INTEGER NOT NULL, received_at INTEGER NOT NULL,
    PRIMARY KEY (series, ts, log, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE places (
    log INTEGER NOT NULL REFERENCES logs (id), first INTEGER NOT NULL, last INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX places_by_position ON places (log, first);
  CREATE TABLE positions (
    log INTEGER NOT NULL REFERENCES logs (id), first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (log, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pending (
    log INTEGER NOT NULL REFERENCES logs (id), seq INTEGER NOT NULL, quality INTEGER NOT NULL, reasons INTEGER NOT NULL,
    PRIMARY KEY (log, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL,
    payload BLOB NOT NULL, payload_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE VIEW readings AS
    SELECT logs.edge, logs.epoch, reading.seq, series.device, series.metric, nullif(series.unit, '') AS unit,
      reading.ts, reading.value, reading.quality, reading.reasons, reading.received_at
    FROM reading JOIN series ON series.id = reading.series JOIN logs ON logs.id = reading.log;
  `,
  // The status of edges, requests to them, and the number of readings of each.
  `
  ALTER TABLE logs ADD COLUMN readings INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE logs ADD COLUMN stored_at INTEGER;
  UPDATE logs SET readings = (SELECT count(*) FROM reading WHERE log = logs.id),
    stored_at = (SELECT max(received_at) FROM reading WHERE log = logs.id);
  CREATE TABLE edges (
    edge TEXT PRIMARY KEY, state TEXT NOT NULL, seen_at INTEGER, clock_offset_ms INTEGER, version TEXT,
    reported_at INTEGER, up_ms INTEGER, healthy INTEGER, problems TEXT, epoch TEXT, last_seq INTEGER, waiting INTEGER,
    oldest_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE requests (
    edge TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, noted_at INTEGER NOT NULL,
    asked_at INTEGER, times INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL, PRIMARY KEY (edge, epoch, first)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_by_turn ON requests (next_at);
  `,
  // Configs of devices: what is in force, what is unpublished, earlier revisions, and rollouts.
  `
  CREATE TABLE config_devices (
    edge TEXT NOT NULL, device TEXT NOT NULL, state TEXT NOT NULL, counts TEXT NOT NULL, head TEXT, reported TEXT,
    conflict TEXT, conflict_open INTEGER NOT NULL, due_at INTEGER, PRIMARY KEY (edge, device)
  ) STRICT;
  CREATE INDEX config_devices_in_conflict ON config_devices (edge, device) WHERE conflict_open = 1;
  CREATE INDEX config_devices_due ON config_devices (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE config_desired (
    edge TEXT NOT NULL, device TEXT NOT NULL, version INTEGER NOT NULL, published INTEGER NOT NULL,
    claimed_until INTEGER NOT NULL, PRIMARY KEY (edge, device)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX config_desired_waiting ON config_desired (edge, device) WHERE version > published;
  CREATE TABLE config_revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, device TEXT NOT NULL, at INTEGER NOT NULL,
    revision TEXT NOT NULL
  ) STRICT;
  CREATE INDEX config_revisions_of_device ON config_revisions (edge, device, id);
  CREATE TABLE config_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, device TEXT NOT NULL, at INTEGER NOT NULL,
    change TEXT NOT NULL
  ) STRICT;
  CREATE INDEX config_changes_of_device ON config_changes (edge, device, id);
  CREATE INDEX config_changes_by_time ON config_changes (at);
  CREATE TABLE config_rollouts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, over INTEGER NOT NULL, driver TEXT NOT NULL,
    driven_until INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE config_rollout_devices (
    rollout INTEGER NOT NULL, place INTEGER NOT NULL, edge TEXT NOT NULL, device TEXT NOT NULL, status TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (rollout, place)
  ) STRICT, WITHOUT ROWID;
  `,
  // The number of series that each edge created, since this version.
  `
  CREATE TABLE edge_series (edge TEXT PRIMARY KEY, made INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  // The edge of a rejected message, so that edges share the table fairly; '' if its topic names none.
  `
  ALTER TABLE rejects ADD COLUMN edge TEXT NOT NULL DEFAULT '';
  `,
]

/** 'TDGR': distinguishes a receiver's database from an edge's and from any other SQLite file. */
export const APPLICATION_ID = 0x54444752

export type Bound = number | bigint | string | Uint8Array | null

/** A prepared statement, as far as the tables of the sink need it. Rows are arrays of columns. */
export interface Statement {
  run(...values: readonly Bound[]): unknown
  /**
   * @param named values for the named parameters
   * @param values values for the other parameters, in order
   */
  run(named: Readonly<Record<string, Bound>>, ...values: readonly Bound[]): unknown
  get(...values: readonly Bound[]): readonly TableColumn[] | undefined
  all(...values: readonly Bound[]): readonly (readonly TableColumn[])[]
}
export type TableColumn = number | string | Uint8Array | null

/** Runs the work in one transaction that may write. */
export type Transact = <T>(work: () => T) => T

/** Prepares a statement on one connection. */
export type Prepare = (sql: string) => Statement
