import type { Database, Statement } from 'better-sqlite3'
import type { Change } from '../../config/changes.ts'
import type { CloudTopic, EdgeState } from '../../config/edge/state.ts'
import { answered, enqueue, type Operation, RETRY_MS_MAX, retry } from '../../config/operations.ts'
import type { Revision } from '../../config/revision.ts'
import { ConfigBytes } from './config-bytes.ts'
import type { OperationRow } from './rows.ts'

/** Revisions kept per device; the oldest are removed first. */
export const REVISIONS_MAX = 20
/**
 * Limits of the change log: rows of all devices together, and how long a row is kept (ms). Rows beyond either are
 * removed.
 */
export const CHANGES_MAX = 10_000
export const CHANGES_MS = 30 * 86_400_000
/** The change log is trimmed once per this many rows. */
const TRIM_EVERY = 64

/**
 * Configs of devices on the disk: one state per device as plain JSON, and its operations, revisions and changes. All
 * methods that write run in their owner's transaction.
 */
export class EdgeConfigStore {
  /** Bytes that configs take in the store. */
  readonly size: ConfigBytes
  readonly #statements
  readonly #operations: Statement<[string]>
  readonly #due: Statement<[number, number, number, number]>
  #sinceTrim = 0
  #count: number | undefined

  /** @param maxBytes of the whole store */
  constructor(database: Database, maxBytes?: number) {
    this.size = new ConfigBytes(database, maxBytes)
    const pluck = <P extends unknown[]>(sql: string): Statement<P> => database.prepare<P>(sql).pluck() as Statement<P>
    this.#statements = {
      state: pluck<[string]>('SELECT state FROM config_devices WHERE device = ?'),
      count: pluck<[]>('SELECT count(*) FROM config_devices'),
      conflicts: pluck<[]>('SELECT count(*) FROM config_devices WHERE conflict IS NOT NULL'),
      save: database.prepare<[string, string, number | null, string | null]>(
        `INSERT INTO config_devices (device, state, due, conflict) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, due = excluded.due, conflict = excluded.conflict`,
      ),
      due: pluck<[number, number]>('SELECT device FROM config_devices WHERE due <= ? ORDER BY due LIMIT ?'),
      after: pluck<[string, number]>('SELECT device FROM config_devices WHERE device > ? ORDER BY device LIMIT ?'),
      keep: database.prepare<[string, number, string]>(
        'INSERT INTO config_revisions (device, at, revision) VALUES (?, ?, ?)',
      ),
      trimRevisions: database.prepare<[string, string, number]>(
        `DELETE FROM config_revisions WHERE device = ? AND id <=
           (SELECT id FROM config_revisions WHERE device = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
      ),
      forget: database.prepare<[string]>('DELETE FROM config_revisions WHERE device = ?'),
      log: database.prepare<[string, number, string]>(
        'INSERT INTO config_changes (device, at, change) VALUES (?, ?, ?)',
      ),
      trimChanges: database.prepare<[number, number]>(
        `DELETE FROM config_changes WHERE at < ? OR id <=
           (SELECT id FROM config_changes ORDER BY id DESC LIMIT 1 OFFSET ?)`,
      ),
      put: database.prepare<[string, string, number, number, number, number, string]>(
        'INSERT OR REPLACE INTO config_operations VALUES (?, ?, ?, ?, ?, ?, ?)',
      ),
      remove: database.prepare<[string, string]>('DELETE FROM config_operations WHERE device = ? AND what = ?'),
      waiting: pluck<[]>('SELECT count(*) FROM config_operations'),
      nextDue: pluck<[number]>('SELECT min(due) FROM config_operations WHERE due > ? AND attention = 0'),
      attention: pluck<[]>('SELECT DISTINCT device FROM config_operations WHERE attention = 1 LIMIT 100'),
    }
    this.#operations = database.prepare('SELECT * FROM config_operations WHERE device = ?')
    // After the clock was set back, no row may wait longer than the longest retry interval.
    this.#due = database.prepare(
      `SELECT * FROM config_operations WHERE (due <= ? OR due > ? + ?) AND device NOT IN
         (SELECT device FROM config_operations WHERE attention = 1) ORDER BY due LIMIT ?`,
    )
  }

  /** The state of a device; undefined: there is none. @param ei name of this database's own counters */
  find(device: string, ei: string): EdgeState | undefined {
    const text = this.#statements.state.get(device) as string | undefined
    if (text === undefined) return undefined
    const state = JSON.parse(text) as EdgeState
    return state.ei === ei ? state : { ...state, ei }
  }

  /** Number of devices with a state. */
  get count(): number {
    this.#count ??= this.#statements.count.get() as number
    return this.#count
  }

  /** After a failed transaction: its counts were rolled back. */
  reload(): void {
    this.#count = undefined
  }

  /** Number of devices with an open conflict. */
  get conflicts(): number {
    return this.#statements.conflicts.get() as number
  }

  /** @param due when the next step of this state is due (UTC ms) @param isNew the device had no state before */
  save(
    state: EdgeState,
    { due, isNew = true }: { readonly due?: number | undefined; readonly isNew?: boolean } = {},
  ): void {
    if (isNew && this.#count !== undefined) this.#count++
    const conflict = state.conflict?.record.cid ?? null
    this.#statements.save.run(state.device, JSON.stringify(state), due ?? null, conflict)
  }

  /** Devices with a step that is due, at most `countMax`. */
  due(now: number, countMax: number): string[] {
    return this.#statements.due.all(now, countMax) as string[]
  }

  /** Devices in order of their names, those after the given name. */
  after(device: string, countMax: number): string[] {
    return this.#statements.after.all(device, countMax) as string[]
  }

  keep(device: string, revision: Revision, at: number): void {
    this.#statements.keep.run(device, at, JSON.stringify(revision))
    this.#statements.trimRevisions.run(device, device, REVISIONS_MAX)
  }

  forget(device: string): void {
    this.#statements.forget.run(device)
  }

  /** @param options `mayForget`: the time of the change is known to be right, and old changes are removed by it */
  log(change: Change, { mayForget = true }: { readonly mayForget?: boolean } = {}): void {
    const { device, at, ...more } = change
    this.#statements.log.run(device, at, JSON.stringify(more))
    if (this.#sinceTrim++ % TRIM_EVERY === 0) {
      this.#statements.trimChanges.run(mayForget ? at - CHANGES_MS : 0, CHANGES_MAX)
    }
  }

  /** Number of rows that wait to be sent to the cloud. */
  get waiting(): number {
    return this.#statements.waiting.get() as number
  }

  /** When the next row that must still wait may be sent (UTC ms). */
  nextDue(now: number): number | undefined {
    return (this.#statements.nextDue.get(now) as number | null) ?? undefined
  }

  /** Devices that wait for an operator, the first hundred. */
  get attention(): string[] {
    return this.#statements.attention.all() as string[]
  }

  enqueue(device: string, what: CloudTopic, now: number): void {
    this.#replace(device, (rows) => enqueue(rows, device, what, now))
  }

  /** Applies an answer to the row that was sent. @param random uniform in [0, 1) */
  answered(sent: Operation, answer: Parameters<typeof answered>[2], now: number, random: () => number): void {
    this.#replace(sent.device, (rows) => answered(rows, sent, answer, now, random))
  }

  retry(device: string, now: number): void {
    this.#replace(device, (rows) => retry(rows, device, now))
  }

  /** Rows that may be sent, the longest due first. */
  operations(now: number, countMax: number): Operation[] {
    return (this.#due.all(now, now, RETRY_MS_MAX, countMax) as OperationRow[]).map(operationOf)
  }

  #replace(device: string, work: (rows: Operation[]) => Operation[]): void {
    const before = (this.#operations.all(device) as OperationRow[]).map(operationOf)
    const after = work(before)
    for (const { what } of before) {
      if (!after.some((row) => row.what === what)) this.#statements.remove.run(device, what)
    }
    for (const row of after) {
      const { what, attempts, due, version, attention, reason } = row
      if (!before.includes(row)) {
        this.#statements.put.run(device, what, attempts, due, version, Number(attention), reason)
      }
    }
  }
}

function operationOf({ what, attention, ...row }: OperationRow): Operation {
  return { ...row, what: what as CloudTopic, attention: attention === 1 }
}
