import {
  CLAIM_MS,
  type ConfigLimits,
  type ConfigStore,
  type Decide,
  type DeviceQuestion,
  type DeviceRecord,
  type DeviceWrite,
  type KeptRevision,
  type LoggedChange,
  REVISIONS_KEPT,
  type Unpublished,
} from '../config/config-store.ts'
import type { DeviceKey } from '../config/device-key.ts'
import { columnsOf, keptOf, loggedOf, RECORD_COLUMNS, recordOf, unpublishedOf } from '../config/rows.ts'
import { SqliteRollouts } from './rollouts.ts'
import type { Bound, Prepare, Transact } from './schema.ts'

/** Config sync in `received.db`, over any connection to it: the sink's own, or that of a command. */
export class SqliteConfigs implements ConfigStore {
  readonly rollouts: SqliteRollouts
  readonly #transact: Transact
  readonly #statements

  constructor(prepare: Prepare, transact: Transact) {
    this.#transact = transact
    this.#statements = statementsOf(prepare)
    this.rollouts = new SqliteRollouts(prepare, transact)
  }

  change<T>(keys: readonly DeviceKey[], limits: ConfigLimits, decide: Decide<T>): T {
    return this.#transact(() => {
      const known = keys.map((key) => this.one(key))
      const room = known.includes(undefined) ? limits.devicesMax - Number(this.#statements.count.get()![0]) : 0
      const { writes, result } = decide(known, room)
      for (const write of writes) this.#write(write, limits)
      return result
    })
  }

  #write({ record, kept, changes, publish, at }: DeviceWrite, { changesMax }: ConfigLimits): void {
    const { edge, device } = record
    this.#statements.put.run(edge, device, ...columnsOf(record))
    for (const revision of kept) this.#statements.keep.run(edge, device, at, JSON.stringify(revision))
    if (kept.length > 0) this.#statements.dropRevisions.run(edge, device, edge, device, REVISIONS_KEPT)
    for (const change of changes) {
      const row = this.#statements.log.get(edge, device, at, JSON.stringify(change))!
      this.#statements.dropChanges.run(Number(row[0]) - changesMax)
    }
    if (publish) this.#statements.publish.run(edge, device)
  }

  claim(at: number, limit: number): Unpublished[] {
    // Without a transaction if nothing waits, which is the usual case.
    if (this.#statements.anyWaiting.get() === undefined) return []
    return this.#transact(() => {
      // A clock that was set back must not prolong claims: no claim is longer than CLAIM_MS.
      const rows = this.#statements.waiting.all(at, at + CLAIM_MS, limit)
      return rows.map((row) => {
        this.#statements.claim.run(at + CLAIM_MS, row[0]!, row[1]!)
        return unpublishedOf(row)
      })
    })
  }

  published(messages: readonly (DeviceKey & { readonly version: number })[]): void {
    if (messages.length === 0) return
    this.#transact(() => {
      for (const { edge, device, version } of messages) this.#statements.published.run(version, edge, device)
    })
  }

  publishAll(): void {
    this.#statements.publishAll.run()
  }

  one({ edge, device }: DeviceKey): DeviceRecord | undefined {
    const row = this.#statements.one.get(edge, device)
    return row && recordOf(row)
  }

  list({ after = { edge: '', device: '' }, conflicts = false, limit }: DeviceQuestion): DeviceRecord[] {
    const statement = conflicts ? this.#statements.inConflict : this.#statements.list
    return statement.all(after.edge, after.device, limit).map(recordOf)
  }

  revisions({ edge, device }: DeviceKey): KeptRevision[] {
    return this.#statements.revisions.all(edge, device).map(keptOf)
  }

  changes(of: DeviceKey | undefined, limit: number): LoggedChange[] {
    const { changes, changesOf } = this.#statements
    const rows = of === undefined ? changes.all(limit) : changesOf.all(of.edge, of.device, limit)
    return rows.map(loggedOf)
  }

  due(at: number, limit: number): DeviceKey[] {
    return this.#statements.due.all(at, limit).map(([edge, device]) => ({ edge: String(edge), device: String(device) }))
  }

  forgetChanges(before: number): void {
    if (this.#statements.anyOld.get(before) !== undefined) this.#statements.forget.run(before as Bound)
  }
}

function statementsOf(prepare: Prepare) {
  const list = (where: string) => `SELECT ${RECORD_COLUMNS} FROM config_devices
    WHERE (edge, device) > (?, ?) ${where} ORDER BY edge, device LIMIT ?`
  return {
    one: prepare(`SELECT ${RECORD_COLUMNS} FROM config_devices WHERE edge = ? AND device = ?`),
    count: prepare('SELECT count(*) FROM config_devices'),
    list: prepare(list('')),
    inConflict: prepare(list('AND conflict_open = 1')),
    put: prepare(
      `INSERT INTO config_devices (${RECORD_COLUMNS}, conflict_open, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (edge, device) DO UPDATE SET state = excluded.state, counts = excluded.counts, head = excluded.head,
         reported = excluded.reported, conflict = excluded.conflict, conflict_open = excluded.conflict_open,
         due_at = excluded.due_at`,
    ),
    keep: prepare('INSERT INTO config_revisions (edge, device, at, revision) VALUES (?, ?, ?, ?)'),
    dropRevisions: prepare(
      `DELETE FROM config_revisions WHERE edge = ? AND device = ? AND id <= (
         SELECT id FROM config_revisions WHERE edge = ? AND device = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    ),
    revisions: prepare('SELECT at, revision FROM config_revisions WHERE edge = ? AND device = ? ORDER BY id DESC'),
    log: prepare('INSERT INTO config_changes (edge, device, at, change) VALUES (?, ?, ?, ?) RETURNING id'),
    dropChanges: prepare('DELETE FROM config_changes WHERE id <= ?'),
    changes: prepare('SELECT edge, change FROM config_changes ORDER BY id DESC LIMIT ?'),
    changesOf: prepare(
      'SELECT edge, change FROM config_changes WHERE edge = ? AND device = ? ORDER BY id DESC LIMIT ?',
    ),
    anyOld: prepare('SELECT 1 FROM config_changes WHERE at < ? LIMIT 1'),
    forget: prepare('DELETE FROM config_changes WHERE at < ?'),
    due: prepare('SELECT edge, device FROM config_devices WHERE due_at <= ? ORDER BY due_at LIMIT ?'),
    publish: prepare(
      `INSERT INTO config_desired (edge, device, version, published, claimed_until) VALUES (?, ?, 1, 0, 0)
       ON CONFLICT DO UPDATE SET version = version + 1`,
    ),
    anyWaiting: prepare('SELECT 1 FROM config_desired WHERE version > published LIMIT 1'),
    waiting: prepare(
      `SELECT edge, device, version, state FROM config_desired JOIN config_devices USING (edge, device)
       WHERE version > published AND (claimed_until <= ? OR claimed_until > ?) ORDER BY edge, device LIMIT ?`,
    ),
    claim: prepare('UPDATE config_desired SET claimed_until = ? WHERE edge = ? AND device = ?'),
    published: prepare(
      `UPDATE config_desired SET claimed_until = 0,
         published = CASE version WHEN ? THEN version ELSE min(published, version - 1) END
       WHERE edge = ? AND device = ?`,
    ),
    publishAll: prepare('UPDATE config_desired SET published = min(published, version - 1), claimed_until = 0'),
  }
}
