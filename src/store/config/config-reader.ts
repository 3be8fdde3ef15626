import type { Database } from 'better-sqlite3'
import type { Change } from '../../config/changes.ts'
import type { Conflict } from '../../config/conflict.ts'
import type { Applied, EdgeState } from '../../config/edge/state.ts'
import type { Rev, Revision } from '../../config/revision.ts'
import { openReadOnly } from '../database.ts'
import type { ConfigOrder } from '../orders.ts'
import type { OperationRow } from './rows.ts'

/** Summary of a device's config. */
export interface ConfigSummary {
  readonly device: string
  /** The revision in force; null: the device never had a config. */
  readonly rev: Rev | null
  readonly deleted: boolean
  readonly status: Applied['status']
  /** Id of the open conflict. */
  readonly cid: string | null
  /** Number of messages that wait to be sent to the cloud, and whether any of them waits for an operator. */
  readonly waiting: number
  readonly attention: boolean
}

/** A message that waits to be sent to the cloud. */
export interface WaitingMessage {
  readonly what: string
  /** How often the cloud broker has refused it. */
  readonly attempts: number
  /** It is not sent before this time, in UTC ms. */
  readonly due: number
  /** An operator must decide about it. */
  readonly attention: boolean
  /** Reason of the last refusal. */
  readonly reason: string
}

export interface StoredRevision {
  /** When it came into force, in UTC ms. */
  readonly at: number
  readonly revision: Revision
}

export interface OpenConflict extends Conflict {
  readonly device: string
}

interface ChangeRow {
  readonly at: number
  readonly change: string
}

/**
 * Reads configs for commands: a connection of its own that cannot write; the edge may be running.
 * @throws OperatorError when there is no database, or one of another version.
 */
export function openConfigReader(folder: string): ConfigReader {
  return new ConfigReader(openReadOnly(folder))
}

export class ConfigReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Devices in order of their names, those after the given name; `countMax` bounds the memory. */
  list(countMax: number, after = ''): ConfigSummary[] {
    const rows = this.#database
      .prepare(
        `SELECT state, (SELECT count(*) FROM config_operations AS one WHERE one.device = config_devices.device) AS waiting,
           (SELECT max(attention) FROM config_operations AS one WHERE one.device = config_devices.device) AS attention
         FROM config_devices WHERE device > ? ORDER BY device LIMIT ?`,
      )
      .iterate(after, countMax) as Iterable<{ state: string; waiting: number; attention: number | null }>
    const list: ConfigSummary[] = []
    for (const { state, waiting, attention } of rows) {
      const { device, cur, applied, conflict } = JSON.parse(state) as EdgeState
      const what = { device, rev: cur?.rev ?? null, deleted: cur !== null && cur.config === null }
      const cid = conflict?.record.cid ?? null
      list.push({ ...what, status: applied.status, cid, waiting, attention: attention === 1 })
    }
    return list
  }

  /** Names of all devices with a config. */
  devices(): string[] {
    return this.#database.prepare('SELECT device FROM config_devices ORDER BY device').pluck().all() as string[]
  }

  /** The state of a device's config at the edge; undefined: the edge has none. */
  state(device: string): EdgeState | undefined {
    const text = this.#database.prepare('SELECT state FROM config_devices WHERE device = ?').pluck().get(device)
    return text === undefined ? undefined : (JSON.parse(text as string) as EdgeState)
  }

  /** Messages of a device that wait to be sent to the cloud. */
  waiting(device: string): WaitingMessage[] {
    const rows = this.#database.prepare('SELECT * FROM config_operations WHERE device = ? ORDER BY what').all(device)
    return (rows as OperationRow[]).map(({ what, attempts, due, attention, reason }) => {
      return { what, attempts, due, attention: attention === 1, reason }
    })
  }

  /** The latest revisions that were in force, the newest first. */
  revisions(device: string): StoredRevision[] {
    const rows = this.#database
      .prepare('SELECT at, revision FROM config_revisions WHERE device = ? ORDER BY id DESC')
      .all(device) as { at: number; revision: string }[]
    return rows.map(({ at, revision }) => ({ at, revision: JSON.parse(revision) as Revision }))
  }

  /** The change log of a device, the newest first. */
  changes(device: string, countMax: number): Change[] {
    const rows = this.#database
      .prepare('SELECT at, change FROM config_changes WHERE device = ? ORDER BY id DESC LIMIT ?')
      .all(device, countMax) as ChangeRow[]
    return rows.map(({ at, change }) => ({ ...(JSON.parse(change) as Omit<Change, 'device' | 'at'>), device, at }))
  }

  /** Open conflicts in order of their devices. */
  conflicts(countMax: number): OpenConflict[] {
    const rows = this.#database
      .prepare('SELECT state FROM config_devices WHERE conflict IS NOT NULL ORDER BY device LIMIT ?')
      .pluck()
      .all(countMax) as string[]
    return rows.flatMap((text) => {
      const { device, conflict } = JSON.parse(text) as EdgeState
      return conflict === null ? [] : [{ device, ...conflict }]
    })
  }

  /** Number of orders about the config of a device that the edge has not carried out yet. */
  ordered(device: string): number {
    const sql = `SELECT count(*) FROM orders WHERE body ->> '$.kind' LIKE 'config-%' AND body ->> '$.device' = ?`
    return this.#database.prepare(sql).pluck().get(device) as number
  }

  /** Whether this order still waits. If not, it was carried out, and its result is in the device's state. */
  isOrdered(order: ConfigOrder): boolean {
    const sql = `SELECT 1 FROM orders WHERE body ->> '$.kind' = ? AND body ->> '$.device' = ? AND body ->> '$.id' IS ?`
    const id = 'id' in order ? order.id : null
    return this.#database.prepare(sql).pluck().get(order.kind, order.device, id) !== undefined
  }

  close(): void {
    this.#database.close()
  }
}
