import type {
  ConfigLimits,
  ConfigStore,
  Decide,
  DeviceQuestion,
  DeviceRecord,
  DeviceWrite,
  KeptRevision,
  LoggedChange,
  Unpublished,
} from '../config/config-store.ts'
import { CLAIM_MS, REVISIONS_KEPT } from '../config/config-store.ts'
import type { DeviceKey } from '../config/device-key.ts'
import { columnsOf, keptOf, loggedOf, RECORD_COLUMNS, recordOf, unpublishedOf } from '../config/rows.ts'
import type { Connection } from './connection.ts'
import { PostgresRollouts } from './rollouts.ts'
import type { Transact } from './schema.ts'

type Row = (number | string | null)[]

/** State of a row that is still empty; it exists only to be locked, within one transaction. */
const NO_STATE = ''

/** Config sync in PostgreSQL, shared by the receivers of one schema and by commands. */
export class PostgresConfigs implements ConfigStore {
  readonly rollouts: PostgresRollouts
  readonly #schema: string
  readonly #transact: Transact

  /** @param schema its quoted name */
  constructor(schema: string, transact: Transact) {
    this.#schema = schema
    this.#transact = transact
    this.rollouts = new PostgresRollouts(schema, transact)
  }

  change<T>(keys: readonly DeviceKey[], limits: ConfigLimits, decide: Decide<T>): Promise<T> {
    return this.#transact(async (connection) => {
      const { known, isNew } = await this.#lock(connection, keys)
      const room = isNew ? limits.devicesMax - (await this.#count(connection)) : 0
      const { writes, result } = decide(known, room)
      let newest = 0
      for (const write of writes) newest = Math.max(newest, await this.#write(connection, write))
      if (isNew) await this.#unlock(connection, keys)
      if (newest > 0) {
        const drop = `DELETE FROM ${this.#schema}.config_changes WHERE id <= $1`
        await connection.rows(drop, [newest - limits.changesMax])
      }
      return result
    })
  }

  /**
   * Locks the rows of these devices; missing rows are created temporarily. Everyone does both in the same order, so
   * that no two transactions deadlock.
   */
  async #lock(
    connection: Connection,
    keys: readonly DeviceKey[],
  ): Promise<{ known: (DeviceRecord | undefined)[]; isNew: boolean }> {
    const values = [keys.map(({ edge }) => edge), keys.map(({ device }) => device)]
    const wanted = 'unnest($1::text[], $2::text[]) AS wanted (edge, device)'
    const made = await connection.rows(
      `INSERT INTO ${this.#schema}.config_devices (edge, device, state, counts)
       SELECT edge, device, '${NO_STATE}', '{}' FROM ${wanted} ORDER BY edge COLLATE "C", device COLLATE "C"
       ON CONFLICT DO NOTHING RETURNING 1`,
      values,
    )
    const rows = await connection.rows<Row>(
      `SELECT ${RECORD_COLUMNS} FROM ${this.#schema}.config_devices
       WHERE (edge, device) IN (SELECT edge, device FROM ${wanted}) ORDER BY edge, device FOR UPDATE`,
      values,
    )
    const records = rows.filter((row) => row[2] !== NO_STATE).map(recordOf)
    const known = keys.map((key) => records.find((one) => one.edge === key.edge && one.device === key.device))
    return { known, isNew: made.length > 0 }
  }

  async #unlock(connection: Connection, keys: readonly DeviceKey[]): Promise<void> {
    await connection.rows(
      `DELETE FROM ${this.#schema}.config_devices USING unnest($1::text[], $2::text[]) AS wanted (edge, device)
       WHERE config_devices.edge = wanted.edge AND config_devices.device = wanted.device AND state = '${NO_STATE}'`,
      [keys.map(({ edge }) => edge), keys.map(({ device }) => device)],
    )
  }

  async #count(connection: Connection): Promise<number> {
    const sql = `SELECT count(*) FROM ${this.#schema}.config_devices WHERE state <> '${NO_STATE}'`
    return (await connection.rows<[number]>(sql))[0]![0]
  }

  /** @returns the id of the newest row in the change log; 0: none was added */
  async #write(connection: Connection, { record, kept, changes, publish, at }: DeviceWrite): Promise<number> {
    const schema = this.#schema
    const key = [record.edge, record.device]
    await connection.rows(
      `UPDATE ${schema}.config_devices SET state = $3, counts = $4, head = $5, reported = $6, conflict = $7,
         conflict_open = $8::int = 1, due_at = $9 WHERE edge = $1 AND device = $2`,
      [...key, ...columnsOf(record)],
    )
    for (const revision of kept) {
      const keep = `INSERT INTO ${schema}.config_revisions (edge, device, at, revision) VALUES ($1, $2, $3, $4)`
      await connection.rows(keep, [...key, at, JSON.stringify(revision)])
    }
    if (kept.length > 0) {
      await connection.rows(
        `DELETE FROM ${schema}.config_revisions WHERE edge = $1 AND device = $2 AND id <= (
           SELECT id FROM ${schema}.config_revisions WHERE edge = $1 AND device = $2 ORDER BY id DESC LIMIT 1 OFFSET $3)`,
        [...key, REVISIONS_KEPT],
      )
    }
    let newest = 0
    for (const change of changes) {
      const log = `INSERT INTO ${schema}.config_changes (edge, device, at, change) VALUES ($1, $2, $3, $4) RETURNING id`
      newest = (await connection.rows<[number]>(log, [...key, at, JSON.stringify(change)]))[0]![0]
    }
    if (publish) {
      await connection.rows(
        `INSERT INTO ${schema}.config_desired (edge, device) VALUES ($1, $2)
         ON CONFLICT (edge, device) DO UPDATE SET version = config_desired.version + 1`,
        key,
      )
    }
    return newest
  }

  /** Uses the clock of the database, because the clocks of several receivers may differ. */
  claim(_at: number, limit: number): Promise<Unpublished[]> {
    const schema = this.#schema
    return this.#transact(async (connection) => {
      const rows = await connection.rows<Row>(
        `WITH waiting AS (
           SELECT edge, device FROM ${schema}.config_desired WHERE version > published AND claimed_until <= now()
           ORDER BY edge, device LIMIT $1 FOR UPDATE SKIP LOCKED
         ), taken AS (
           UPDATE ${schema}.config_desired AS desired SET claimed_until = now() + $2 * interval '1 ms' FROM waiting
           WHERE desired.edge = waiting.edge AND desired.device = waiting.device
           RETURNING desired.edge, desired.device, desired.version
         )
         SELECT edge, device, version, state FROM taken JOIN ${schema}.config_devices USING (edge, device)
         ORDER BY edge, device`,
        [limit, CLAIM_MS],
      )
      return rows.map(unpublishedOf)
    })
  }

  async published(messages: readonly (DeviceKey & { readonly version: number })[]): Promise<void> {
    if (messages.length === 0) return
    const parts = [messages.map(({ edge }) => edge), messages.map(({ device }) => device)]
    await this.#transact((connection) =>
      connection.rows(
        `UPDATE ${this.#schema}.config_desired AS desired
         SET claimed_until = '-infinity',
           published = CASE given.version WHEN desired.version THEN given.version
             ELSE least(published, desired.version - 1) END
         FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given (edge, device, version)
         WHERE desired.edge = given.edge AND desired.device = given.device`,
        [...parts, messages.map(({ version }) => version)],
      ),
    )
  }

  async publishAll(): Promise<void> {
    const sql = `UPDATE ${this.#schema}.config_desired
      SET published = least(published, version - 1), claimed_until = '-infinity'`
    await this.#transact((connection) => connection.rows(sql))
  }

  async one({ edge, device }: DeviceKey): Promise<DeviceRecord | undefined> {
    const row = (await this.#rows('edge = $1 AND device = $2', [edge, device]))[0]
    return row && recordOf(row)
  }

  async list({ after = { edge: '', device: '' }, conflicts = false, limit }: DeviceQuestion): Promise<DeviceRecord[]> {
    const where = `(edge, device) > ($1, $2) ${conflicts ? 'AND conflict_open' : ''} ORDER BY edge, device LIMIT $3`
    return (await this.#rows(where, [after.edge, after.device, limit])).map(recordOf)
  }

  #rows(where: string, values: readonly unknown[]): Promise<Row[]> {
    const sql = `SELECT ${RECORD_COLUMNS} FROM ${this.#schema}.config_devices WHERE state <> '${NO_STATE}' AND ${where}`
    return this.#transact((connection) => connection.rows<Row>(sql, values))
  }

  async revisions({ edge, device }: DeviceKey): Promise<KeptRevision[]> {
    const sql = `SELECT at, revision FROM ${this.#schema}.config_revisions WHERE edge = $1 AND device = $2 ORDER BY id DESC`
    return (await this.#transact((connection) => connection.rows<Row>(sql, [edge, device]))).map(keptOf)
  }

  async changes(of: DeviceKey | undefined, limit: number): Promise<LoggedChange[]> {
    const where = of === undefined ? '' : 'WHERE edge = $2 AND device = $3'
    const sql = `SELECT edge, change FROM ${this.#schema}.config_changes ${where} ORDER BY id DESC LIMIT $1`
    const values = of === undefined ? [limit] : [limit, of.edge, of.device]
    return (await this.#transact((connection) => connection.rows<Row>(sql, values))).map(loggedOf)
  }

  due(at: number, limit: number): Promise<DeviceKey[]> {
    const sql = `SELECT edge, device FROM ${this.#schema}.config_devices WHERE due_at <= $1 ORDER BY due_at LIMIT $2`
    return this.#transact(async (connection) => {
      const rows = await connection.rows<[string, string]>(sql, [at, limit])
      return rows.map(([edge, device]) => ({ edge, device }))
    })
  }

  async forgetChanges(before: number): Promise<void> {
    const sql = `DELETE FROM ${this.#schema}.config_changes WHERE at < $1`
    await this.#transact((connection) => connection.rows(sql, [before]))
  }
}
