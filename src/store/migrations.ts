import type { Database } from 'better-sqlite3'

/**
 * Schema of tidegate.db, one entry per version: forward only, each in one transaction. A released entry is never
 * edited; a change is a new entry.
 *
 * Type of `value` is ANY: REAL is a number, INTEGER 0 or 1 a boolean, TEXT a text, BLOB bytes, NULL a missing value.
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
  // Sealed history (README.md). `delay` is arrival − ts: it is usually small and takes a byte or two. `blocks.id` is
  // part × 2^24 + series, so that the blocks of a seal are adjacent.
  `
  ALTER TABLE devices ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE devices ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE devices ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE confirmed_counts ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE seals (
    id INTEGER PRIMARY KEY, parts INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    readings INTEGER NOT NULL, blocks INTEGER NOT NULL, level INTEGER NOT NULL, thinned INTEGER NOT NULL DEFAULT 0,
    ts_min INTEGER NOT NULL, ts_max INTEGER NOT NULL, received_first INTEGER NOT NULL, received_last INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, readings INTEGER NOT NULL, seq_first INTEGER NOT NULL, seq_last INTEGER NOT NULL,
    ts_min INTEGER NOT NULL, ts_max INTEGER NOT NULL, good INTEGER NOT NULL, worst INTEGER NOT NULL,
    numbers INTEGER NOT NULL, value_min REAL, value_max REAL, value_sum REAL, value_first REAL, value_last REAL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE verdicts (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, quality INTEGER NOT NULL, reasons INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE rollups (
    series INTEGER NOT NULL, hour INTEGER NOT NULL, readings INTEGER NOT NULL, good INTEGER NOT NULL,
    worst INTEGER NOT NULL, numbers INTEGER NOT NULL, value_min REAL, value_max REAL, value_sum REAL,
    PRIMARY KEY (series, hour)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tallies (id INTEGER PRIMARY KEY, counts BLOB NOT NULL) STRICT;
  CREATE TABLE log_a (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, ts INTEGER NOT NULL, value ANY,
    quality INTEGER NOT NULL, reasons INTEGER NOT NULL, delay INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE log_b (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, ts INTEGER NOT NULL, value ANY,
    quality INTEGER NOT NULL, reasons INTEGER NOT NULL, delay INTEGER NOT NULL
  ) STRICT;
  INSERT INTO log_a SELECT seq, series, ts, value, quality, reasons, received_at - ts FROM log;
  DROP TABLE log;
  CREATE VIEW log AS
    SELECT seq, series, ts, value, quality, reasons, ts + delay AS received_at FROM log_a UNION ALL
    SELECT seq, series, ts, value, quality, reasons, ts + delay FROM log_b;
  CREATE TRIGGER log_insert INSTEAD OF INSERT ON log BEGIN
    INSERT INTO log_a VALUES (NEW.seq, NEW.series, NEW.ts, NEW.value, NEW.quality, NEW.reasons, NEW.received_at - NEW.ts);
  END;
  CREATE TRIGGER log_update INSTEAD OF UPDATE ON log BEGIN
    UPDATE log_a SET quality = NEW.quality, reasons = NEW.reasons WHERE seq = OLD.seq;
    UPDATE log_b SET quality = NEW.quality, reasons = NEW.reasons WHERE seq = OLD.seq;
  END;
  CREATE TRIGGER log_delete INSTEAD OF DELETE ON log BEGIN
    DELETE FROM log_a WHERE seq = OLD.seq;
    DELETE FROM log_b WHERE seq = OLD.seq;
  END;
  INSERT INTO meta (key, value) VALUES ('sealed', 0);
  `,
  // Losses through damaged parts of the database (recovery/damages.ts); `report` is JSON.
  `
  CREATE TABLE damages (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL, report TEXT NOT NULL
  ) STRICT;
  `,
  // Delivery: readings that a receiver refuses permanently, bytes that each link has carried, orders from commands, and
  // forwarded messages.
  `
  CREATE TABLE parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uplink INTEGER NOT NULL REFERENCES uplinks (id), seq INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES series (id), ts INTEGER NOT NULL, value ANY, quality INTEGER NOT NULL,
    reasons INTEGER NOT NULL, received_at INTEGER NOT NULL, parked_at INTEGER NOT NULL, reason TEXT NOT NULL,
    replay INTEGER NOT NULL DEFAULT 0, UNIQUE (uplink, seq)
  ) STRICT;
  CREATE TABLE spending (
    uplink INTEGER PRIMARY KEY REFERENCES uplinks (id), day TEXT NOT NULL, day_bytes INTEGER NOT NULL,
    month TEXT NOT NULL, month_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, target TEXT NOT NULL, uplinks TEXT, qos INTEGER NOT NULL,
    retain INTEGER NOT NULL, received_at INTEGER NOT NULL, payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE forwards (
    uplink INTEGER PRIMARY KEY REFERENCES uplinks (id), settled INTEGER NOT NULL, stored INTEGER NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE parked_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uplink INTEGER NOT NULL REFERENCES uplinks (id),
    message INTEGER NOT NULL REFERENCES messages (id), parked_at INTEGER NOT NULL, reason TEXT NOT NULL,
    replay INTEGER NOT NULL DEFAULT 0, UNIQUE (uplink, message)
  ) STRICT;
  `,
  // Config sync (src/config): the state of each device's config, operations that wait for the cloud, former revisions,
  // and the change log.
  `
  CREATE TABLE config_devices (
    device TEXT PRIMARY KEY, state TEXT NOT NULL, due INTEGER, conflict TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX config_devices_by_due ON config_devices (due) WHERE due IS NOT NULL;
  CREATE INDEX config_devices_by_conflict ON config_devices (conflict) WHERE conflict IS NOT NULL;
  CREATE TABLE config_operations (
    device TEXT NOT NULL, what TEXT NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL, version INTEGER NOT NULL,
    attention INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (device, what)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX config_operations_by_due ON config_operations (due);
  CREATE TABLE config_revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, at INTEGER NOT NULL, revision TEXT NOT NULL
  ) STRICT;
  CREATE INDEX config_revisions_by_device ON config_revisions (device, id);
  CREATE TABLE config_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, at INTEGER NOT NULL, change TEXT NOT NULL
  ) STRICT;
  CREATE INDEX config_changes_by_device ON config_changes (device, id);
  `,
  // Blocks may be stored without a zstd frame, which earlier versions would take for damage (src/codec/block-frame.ts).
  'SELECT 1',
  // The clock by which readings age (clock/README.md). `kept_from`: arrival of the newest reading in the sum; -1: not
  // known.
  `
  CREATE TABLE clock_steps (
    first INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, latest INTEGER, settled INTEGER NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  ALTER TABLE rollups ADD COLUMN kept_from INTEGER NOT NULL DEFAULT -1;
  `,
  // Whether a series has had few values (quality/kinds.ts). Which client created it, so that one client cannot take the whole catalog; devices whose readings an operator
  // gives up: all up to a position, and whether unconfirmed ones are included.
  `
  ALTER TABLE series ADD COLUMN client TEXT NOT NULL DEFAULT '';
  ALTER TABLE series ADD COLUMN is_new INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX rejects_by_device ON rejects (device);
  CREATE TABLE forgetting (
    devices TEXT PRIMARY KEY, up_to INTEGER NOT NULL, unconfirmed INTEGER NOT NULL, rejects_up_to INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Fields of messages that were not understood while the rest of the message was: counted by device; for a reject, their
  // number, 0 for a message of which nothing was understood.
  `
  ALTER TABLE devices ADD COLUMN partial INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rejects ADD COLUMN fields INTEGER NOT NULL DEFAULT 0;
  `,
  // Publishes without a route and without a local subscriber, for a route that is added later.
  `
  CREATE TABLE unrouted (
    id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, topic TEXT NOT NULL, client TEXT NOT NULL,
    qos INTEGER NOT NULL, retain INTEGER NOT NULL, dup INTEGER NOT NULL, payload BLOB NOT NULL
  ) STRICT;
  `,
  // Messages from the cloud for local clients, between their commit and the acknowledgement of a local client.
  `
  CREATE TABLE down (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, retain INTEGER NOT NULL, received_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, payload BLOB NOT NULL
  ) STRICT;
  `,
]

/** 'TDGT': distinguishes a Tidegate database from any other SQLite file. */
export const APPLICATION_ID = 0x54444754

/** Brings the schema to the newest version, one transaction per step. */
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
