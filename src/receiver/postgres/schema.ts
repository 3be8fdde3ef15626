import { Exit, OperatorError } from '../../base/errors.ts'
import type { Connection } from './connection.ts'
import { quoted } from './literals.ts'

/**
 * Schema of a receiver's tables in PostgreSQL, one entry per version: forward only, all missing ones in one
 * transaction. An entry is never edited after its release; a change is a new entry. `$` stands for the schema's name,
 * quoted.
 *
 * `reading` has no unique index: the positions, written in the same transaction, prevent a reading from being stored
 * twice. The index by series and time is for queries; the index by position finds repeats and readings whose verdict
 * changes. Nothing refers to `series` and `logs` by a foreign key, which would cost a lookup for every reading.
 *
 * A value is in the column of its type; a missing value is in none. PostgreSQL text cannot contain U+0000: such a
 * text has its exact UTF-8 in `value_bytes`, and in `value_text` a U+2400 for each U+0000.
 *
 * The widest columns come first, so that none needs padding.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE $.logs (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, edge text NOT NULL, epoch text NOT NULL, UNIQUE (edge, epoch)
  );
  CREATE TABLE $.series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device text NOT NULL, metric text NOT NULL, unit text NOT NULL,
    UNIQUE (device, metric, unit)
  );
  CREATE TABLE $.reading (
    ts timestamptz NOT NULL, received_at timestamptz NOT NULL, seq bigint NOT NULL, reasons bigint NOT NULL,
    value double precision, series integer NOT NULL, log integer NOT NULL, quality smallint NOT NULL,
    value_boolean boolean, value_text text, value_bytes bytea
  ) PARTITION BY RANGE (ts);
  CREATE INDEX reading_by_series ON $.reading (series, ts);
  CREATE INDEX reading_by_position ON $.reading (log, seq);
  CREATE TABLE $.reading_default PARTITION OF $.reading DEFAULT;
  CREATE TABLE $.positions (
    log integer NOT NULL, first bigint NOT NULL, last bigint NOT NULL, PRIMARY KEY (log, first)
  ) WITH (fillfactor = 50);
  CREATE TABLE $.pending (
    log integer NOT NULL, seq bigint NOT NULL, quality smallint NOT NULL, reasons bigint NOT NULL, PRIMARY KEY (log, seq)
  );
  CREATE TABLE $.rejects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, received_at timestamptz NOT NULL, topic text NOT NULL,
    reason text NOT NULL, payload bytea NOT NULL, payload_bytes integer NOT NULL
  );
  CREATE VIEW $.readings AS
    SELECT logs.edge, logs.epoch, reading.seq, series.device, series.metric, nullif(series.unit, '') AS unit,
      reading.ts, reading.value, reading.value_boolean, reading.value_text, reading.value_bytes,
      reading.quality, reading.reasons, reading.received_at
    FROM $.reading JOIN $.series ON series.id = reading.series JOIN $.logs ON logs.id = reading.log;
  `,
  // The status of edges, requests to them, and the number of readings of each since this version.
  `
  ALTER TABLE $.logs ADD COLUMN readings bigint NOT NULL DEFAULT 0, ADD COLUMN stored_at timestamptz;
  CREATE TABLE $.edges (
    edge text PRIMARY KEY, state text NOT NULL, seen_at timestamptz, clock_offset_ms bigint, version text,
    reported_at timestamptz, up_ms bigint, healthy boolean, problems text, epoch text, last_seq bigint, waiting bigint,
    oldest_at timestamptz
  );
  CREATE TABLE $.requests (
    edge text NOT NULL, epoch text NOT NULL, first bigint NOT NULL, last bigint NOT NULL, noted_at timestamptz NOT NULL,
    asked_at timestamptz, times integer NOT NULL DEFAULT 0, next_at timestamptz NOT NULL,
    PRIMARY KEY (edge, epoch, first)
  );
  CREATE INDEX requests_by_turn ON $.requests (next_at);
  `,
  // Configs of devices: what is in force, what is unpublished, earlier revisions, and rollouts. `state` and similar
  // columns are JSON as text: jsonb does not hold every string. Times in bigint are UTC milliseconds, as in the
  // messages.
  `
  CREATE TABLE $.config_devices (
    due_at bigint, edge text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, state text NOT NULL,
    counts text NOT NULL, head text, reported text, conflict text, conflict_open boolean NOT NULL DEFAULT false,
    PRIMARY KEY (edge, device)
  );
  CREATE INDEX config_devices_in_conflict ON $.config_devices (edge, device) WHERE conflict_open;
  CREATE INDEX config_devices_due ON $.config_devices (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE $.config_desired (
    version bigint NOT NULL DEFAULT 1, published bigint NOT NULL DEFAULT 0,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    edge text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, PRIMARY KEY (edge, device)
  );
  CREATE INDEX config_desired_waiting ON $.config_desired (edge, device) WHERE version > published;
  CREATE TABLE $.config_revisions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, edge text COLLATE "C" NOT NULL,
    device text COLLATE "C" NOT NULL, revision text NOT NULL
  );
  CREATE INDEX config_revisions_of_device ON $.config_revisions (edge, device, id);
  CREATE TABLE $.config_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, edge text COLLATE "C" NOT NULL,
    device text COLLATE "C" NOT NULL, change text NOT NULL
  );
  CREATE INDEX config_changes_of_device ON $.config_changes (edge, device, id);
  CREATE INDEX config_changes_by_time ON $.config_changes (at);
  CREATE TABLE $.config_rollouts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, driven_until timestamptz NOT NULL DEFAULT '-infinity',
    over boolean NOT NULL, driver text NOT NULL DEFAULT '', body text NOT NULL
  );
  CREATE TABLE $.config_rollout_devices (
    rollout bigint NOT NULL, place integer NOT NULL, edge text NOT NULL, device text NOT NULL, status text NOT NULL,
    body text NOT NULL, PRIMARY KEY (rollout, place)
  );
  `,
  // The number of series that each edge created, since this version.
  `
  CREATE TABLE $.edge_series (edge text COLLATE "C" PRIMARY KEY, made bigint NOT NULL);
  `,
  // The edge of a rejected message, so that edges share the table fairly; '' if its topic names none.
  `
  ALTER TABLE $.rejects ADD COLUMN edge text COLLATE "C" NOT NULL DEFAULT '';
  `,
]

/** 'TDGR', one half of every advisory lock; the other half identifies what is locked. */
const LOCK = 0x54444752

/** When the tables were created, to the microsecond: ids that were read from other tables are not valid in these. */
export type Birth = string

/** Runs the work in one transaction that may write. */
export type Transact = <T>(work: (connection: Connection) => Promise<T>) => Promise<T>

/** @param migrations the table, quoted */
export function birthSql(migrations: string): string {
  return `SELECT extract(epoch FROM applied_at)::text FROM ${migrations} WHERE version = 1`
}

/** Keeps all other receivers of this schema from the same work until the transaction ends. */
export async function lockSchema(connection: Connection, schema: string, work: string): Promise<void> {
  await connection.rows('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK, `${schema} ${work}`])
}

/**
 * Brings the schema to the newest version. Several receivers may start at once: one migrates, the others wait for it.
 * If nothing is to be done, it needs no right to create anything.
 * @returns when the tables were created
 * @throws OperatorError if the schema belongs to another program or a newer version, or the database cannot hold
 * every text
 */
export async function migrate(connection: Connection, schema: string): Promise<Birth> {
  const [encoding] = await connection.rows<[string]>('SHOW server_encoding')
  if (encoding![0] !== 'UTF8') {
    throw new OperatorError(`the database has the encoding ${encoding![0]}, which cannot hold every character`, {
      remedy: "create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and set it in `sink`",
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  if ((await versionOf(connection, schema)) !== MIGRATIONS.length) await advance(connection, schema)
  const [row] = await connection.rows<[Birth]>(birthSql(`${quoted(schema)}.migrations`))
  return row![0]
}

async function advance(connection: Connection, schema: string): Promise<void> {
  await lockSchema(connection, schema, 'migrations')
  const version = await versionOf(connection, schema)
  if (version > MIGRATIONS.length) throw newer(schema, version)
  if (version === 0) await begin(connection, schema)
  const name = quoted(schema)
  for (const [i, sql] of MIGRATIONS.entries()) {
    if (i < version) continue
    await connection.run(sql.replaceAll('$', () => name))
    await connection.rows(`INSERT INTO ${name}.migrations (version) VALUES ($1)`, [i + 1])
  }
}

/**
 * Whether the schema has the table. It reads the catalog like any table: to_regclass() would answer from the
 * connection's cache, which is not updated while the connection waits for an advisory lock.
 */
export async function isThere(connection: Connection, schema: string, table: string): Promise<boolean> {
  const found = await connection.rows(
    `SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, table],
  )
  return found.length > 0
}

/** The schema version; 0 if Tidegate has no tables there. */
async function versionOf(connection: Connection, schema: string): Promise<number> {
  if (!(await isThere(connection, schema, 'migrations'))) return 0
  const table = `${quoted(schema)}.migrations`
  const [row] = await connection.rows<[number]>(`SELECT coalesce(max(version), 0) FROM ${table}`)
  return row![0]
}

async function begin(connection: Connection, schema: string): Promise<void> {
  const [found] = await connection.rows<[boolean, boolean]>(
    `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
      EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = $1 AND relkind = 'r')`,
    [schema],
  )
  const [exists, filled] = found!
  if (filled) {
    throw new OperatorError(`the schema ${schema} contains tables of another program`, {
      remedy: 'set another schema with the setting `postgres.schema`',
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  const name = quoted(schema)
  // Only if it is missing: PostgreSQL checks the right to create it even if there is nothing to create.
  if (!exists) await connection.run(`CREATE SCHEMA ${name}`)
  await connection.run(
    `CREATE TABLE ${name}.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  )
}

function newer(schema: string, version: number): OperatorError {
  const known = MIGRATIONS.length
  return new OperatorError(`the schema ${schema} has version ${version}; this Tidegate knows versions up to ${known}`, {
    remedy: 'run the newer Tidegate that created it, or set another schema with the setting `postgres.schema`',
  })
}
