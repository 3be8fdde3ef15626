import type { Database } from 'better-sqlite3'
import { LoopShare } from '../../base/loop/loop-share.ts'
import type { ConfigStore } from '../config/config-store.ts'
import { EDGE_LIMITS } from '../edge-limits.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Delivery, Sink, StoreResult } from '../sink.ts'
import { SqliteConfigs } from './configs.ts'
import { holdReceived, preparerOf } from './database.ts'
import { SqliteFleet } from './fleet.ts'
import type { Statement } from './schema.ts'
import { SqliteStoring, type StoringLimits } from './storing.ts'
import { gated, TransactionGate } from './transaction-gate.ts'

export { DATABASE_FILE } from './database.ts'

/** After this many commits or readings a checkpoint moves them from the WAL into the database, after the receipts. */
const CHECKPOINT_COMMITS = 64
const CHECKPOINT_READINGS = 400_000

export interface SqliteSinkOptions extends Partial<StoringLimits> {
  /**
   * Pages of 4 KiB to which the database may grow; beyond that nothing is stored, as on a full disk. Default: no
   * limit.
   */
  readonly pagesMax?: number
}
const DEFAULTS = { ...EDGE_LIMITS, rejectsMax: 1_000, rejectPayloadBytesMax: 262_144, pendingMax: 100_000 }

/** Stores readings in `received.db`; any SQLite client can read the view `readings` at the same time. */
export class SqliteSink implements Sink {
  readonly #database: Database
  readonly #lock: Database
  readonly #share = new LoopShare()
  readonly #gate = new TransactionGate()
  readonly #storing: SqliteStoring
  readonly #statements: Readonly<Record<'begin' | 'commit' | 'rollback', Statement>>
  readonly fleet: Fleet
  readonly configs: ConfigStore
  #sinceCheckpoint = { commits: 0, readings: 0 }

  private constructor(lock: Database, database: Database, options: SqliteSinkOptions) {
    const prepare = preparerOf(database)
    this.#lock = lock
    this.#database = database
    this.#storing = new SqliteStoring(prepare, { ...DEFAULTS, ...options }, this.#share)
    const transact = <T>(work: () => T): T => database.transaction(work).immediate()
    this.fleet = gated<Fleet>(this.#gate, new SqliteFleet(prepare, transact))
    this.configs = gated<ConfigStore>(this.#gate, new SqliteConfigs(prepare, transact))
    this.#statements = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      rollback: prepare('ROLLBACK'),
    }
  }

  /**
   * Creates the folder and the database if needed, and holds them until `close`.
   * @throws OperatorError if another receiver holds the folder, or the database belongs to another program or a newer
   * version, is damaged, or cannot be made durable
   */
  static open(folder: string, options: SqliteSinkOptions = {}): SqliteSink {
    const { lock, database } = holdReceived(folder, options.pagesMax)
    return new SqliteSink(lock, database, options)
  }

  /** SQLite's setting for syncing commits: 2 is FULL, to the disk before a commit returns. */
  get synchronous(): number {
    return Number(this.#database.pragma('synchronous', { simple: true }))
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<StoreResult[]> {
    const results = await this.#gate.run(() => this.#transaction(deliveries, receivedAt))
    this.#checkpointLater(deliveries)
    return results
  }

  /** One transaction, over several turns of the event loop if it takes long. */
  async #transaction(deliveries: readonly Delivery[], receivedAt: number): Promise<StoreResult[]> {
    this.#share.begin()
    try {
      this.#statements.begin.run()
      const results = await this.#storing.store(deliveries, receivedAt)
      if (this.#share.isUsedUp) await this.#share.pause()
      this.#statements.commit.run()
      return results
    } catch (failure) {
      if (this.#database.inTransaction) this.#statements.rollback.run()
      this.#storing.forget()
      throw failure
    }
  }

  #checkpointLater(deliveries: readonly Delivery[]): void {
    const since = this.#sinceCheckpoint
    since.commits++
    for (const delivery of deliveries) since.readings += delivery.kind === 'batch' ? delivery.batch.count : 0
    if (since.commits < CHECKPOINT_COMMITS && since.readings < CHECKPOINT_READINGS) return
    this.#sinceCheckpoint = { commits: 0, readings: 0 }
    setImmediate(() => {
      // If too many calls wait, the next checkpoint does this work.
      this.#gate.run(() => this.#checkpoint('PASSIVE')).catch(() => undefined)
    })
  }

  /** Nothing is lost if it fails: the WAL keeps its content, and the next checkpoint tries again. */
  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    if (!this.#database.open) return
    try {
      this.#database.pragma(`wal_checkpoint(${mode})`)
    } catch {
      this.#sinceCheckpoint = { commits: CHECKPOINT_COMMITS, readings: 0 }
    }
  }

  close(): Promise<void> {
    return this.#gate.run(() => {
      this.#checkpoint('TRUNCATE')
      this.#database.close()
      this.#lock.close()
    })
  }
}
