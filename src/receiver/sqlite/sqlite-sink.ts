import type { Database } from 'better-sqlite3'
import { combine } from '../../base/flags.ts'
import type { Quality, Seq, SeqRange, Verdict } from '../../base/reading.ts'
import type { Amendments } from '../../codec/amendments.ts'
import type { Batch, SeriesBlock } from '../../codec/batch.ts'
import { EDGE_LIMITS, type EdgeLimits, TOO_MANY_RANGES } from '../edge-limits.ts'
import type { Delivery, Reject, Sink, StoreResult } from '../sink.ts'
import { SqliteConfigs } from './configs.ts'
import { holdReceived, preparerOf } from './database.ts'
import { SqliteFleet } from './fleet.ts'
import { KnownLogs, type SqliteKnownLog } from './known-logs.ts'
import type { PlacedBlock, SqlitePlace } from './places.ts'
import { SqliteReadingTable } from './reading-table.ts'
import type { Statement } from './schema.ts'

export { DATABASE_FILE } from './database.ts'

/** After this many commits or readings a checkpoint moves them from the WAL into the database, after the receipts. */
const CHECKPOINT_COMMITS = 64
const CHECKPOINT_READINGS = 400_000

export interface SqliteSinkOptions extends Partial<EdgeLimits> {
  /** Rejects kept; the oldest are dropped first. */
  readonly rejectsMax?: number
  /** Bytes kept of the payload of a reject; the rest is cut, and its full length is recorded. */
  readonly rejectPayloadBytesMax?: number
  /** Verdicts that may wait for their readings; amendments beyond it are refused. */
  readonly pendingMax?: number
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
  readonly #options: Required<Omit<SqliteSinkOptions, 'pagesMax'>>
  readonly #logs: KnownLogs
  readonly #readings: SqliteReadingTable
  readonly #keepReject: Statement
  readonly #dropRejects: Statement
  readonly fleet: SqliteFleet
  readonly configs: SqliteConfigs
  #sinceCheckpoint = { commits: 0, readings: 0 }

  private constructor(lock: Database, database: Database, options: SqliteSinkOptions) {
    const prepare = preparerOf(database)
    this.#lock = lock
    this.#database = database
    this.#options = { ...DEFAULTS, ...options }
    this.#logs = new KnownLogs(prepare, this.#options)
    this.#readings = new SqliteReadingTable(prepare, this.#options)
    const transact = <T>(work: () => T): T => database.transaction(work).immediate()
    this.fleet = new SqliteFleet(prepare, transact)
    this.configs = new SqliteConfigs(prepare, transact)
    this.#keepReject = prepare(
      'INSERT INTO rejects (received_at, topic, reason, payload, payload_bytes) VALUES (?, ?, ?, ?, ?) RETURNING id',
    )
    this.#dropRejects = prepare('DELETE FROM rejects WHERE id <= ?')
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

  store(deliveries: readonly Delivery[], receivedAt: number): StoreResult[] {
    try {
      const results = this.#database
        .transaction(() => deliveries.map((delivery) => this.#storeOne(delivery, receivedAt)))
        .immediate()
      this.#checkpointLater(deliveries)
      return results
    } catch (failure) {
      this.#logs.forget()
      this.#readings.forget()
      throw failure
    }
  }

  #storeOne(delivery: Delivery, receivedAt: number): StoreResult {
    switch (delivery.kind) {
      case 'batch':
        return this.#storeBatch(delivery.batch, receivedAt)
      case 'amendments':
        return this.#amend(delivery.amendments)
      case 'reject':
        return this.#keep(delivery.reject, receivedAt)
    }
  }

  #storeBatch(batch: Batch, receivedAt: number): StoreResult {
    const log = this.#logs.of(batch.edge, batch.epoch)
    if ('refusal' in log) return { kind: 'refused', reason: log.refusal }
    const fresh = batch.ranges.flatMap((range) => log.positions.missing(range))
    const { ranges } = batch
    const isNew = countOf(fresh) === countOf(ranges)
    const isRepeat = (seq: Seq): boolean => !isNew && log.positions.has(seq)
    const repeats = isNew ? 0 : batch.series.reduce((sum, { seq }) => sum + seq.filter(isRepeat).length, 0)
    if (repeats > 0 && batch.series.some((block) => this.#readings.contradicts(log.id, block, isRepeat))) {
      return { kind: 'forked', ranges, high: highOf(log) }
    }
    if (this.#logs.isTooFragmented(log, fresh)) return { kind: 'refused', reason: TOO_MANY_RANGES }
    const series = this.#readings.seriesOf(batch.series, batch.edge)
    if ('refusal' in series) return { kind: 'refused', reason: series.refusal }
    const blocks = batch.series.map((block, i) => ({ series: series[i]!, block }))
    const isPlain = isNew && log.pending.size === 0
    for (const { series, block } of blocks) {
      if (isPlain) this.#readings.insertAll(log.id, series, block, receivedAt)
      else this.#insertSome(log, { series, block }, isRepeat, receivedAt)
    }
    this.#readings.places.add(log.id, fresh, blocks)
    this.#logs.add(log, fresh)
    this.#logs.count(log, batch.count - repeats, receivedAt)
    return { kind: 'stored', ranges, high: highOf(log), repeats }
  }

  #insertSome(
    log: SqliteKnownLog,
    { series, block }: PlacedBlock,
    isRepeat: (seq: Seq) => boolean,
    receivedAt: number,
  ): void {
    for (let i = 0; i < block.seq.length; i++) {
      const seq = block.seq[i]!
      const ts = block.ts[i]!
      if (isRepeat(seq)) this.#mergeVerdict(log, { seq, place: { series, ts } }, verdictOf(block, i))
      else {
        const row = { series, ts, value: block.values[i]!, verdict: this.#verdictOf(log, block, i) }
        this.#readings.insert({ log: log.id, seq }, row, receivedAt)
      }
    }
  }

  /** The verdict of a new reading, merged with one that arrived before it. */
  #verdictOf(log: SqliteKnownLog, block: SeriesBlock, i: number): Verdict {
    const verdict = verdictOf(block, i)
    if (log.pending.size === 0) return verdict
    const early = this.#logs.arrive(log, block.seq[i]!)
    return early === undefined ? verdict : combine(verdict, early)
  }

  #mergeVerdict(log: SqliteKnownLog, { seq, place }: { seq: Seq; place?: SqlitePlace }, verdict: Verdict): void {
    const stored = this.#readings.find(log.id, seq, place)
    if (stored !== undefined) this.#readings.merge({ log: log.id, seq }, stored, verdict)
  }

  #amend({ edge, epoch, items }: Amendments): StoreResult {
    const log = this.#logs.of(edge, epoch)
    if ('refusal' in log) return { kind: 'refused', reason: log.refusal }
    const early = items.filter(({ seq }) => !log.positions.has(seq) && !log.pending.has(seq)).length
    if (early > 0 && this.#logs.pendingCount + early > this.#options.pendingMax) {
      return { kind: 'refused', reason: `${this.#options.pendingMax} verdicts already wait for their readings` }
    }
    // In the order of the positions: neighbours are found together, and merging gives the same result in any order.
    for (const item of items.toSorted((a, b) => a.seq - b.seq)) {
      if (log.positions.has(item.seq)) this.#mergeVerdict(log, item, item)
      else this.#logs.expect(log, item)
    }
    return { kind: 'amended', high: highOf(log) }
  }

  #keep({ topic, reason, payload, payloadBytes = payload.byteLength }: Reject, receivedAt: number): StoreResult {
    const { rejectsMax, rejectPayloadBytesMax } = this.#options
    const kept = payload.subarray(0, rejectPayloadBytesMax)
    const row = this.#keepReject.get(receivedAt, topic, reason, kept, payloadBytes)!
    this.#dropRejects.run(Number(row[0]) - rejectsMax)
    return { kind: 'kept' }
  }

  #checkpointLater(deliveries: readonly Delivery[]): void {
    const since = this.#sinceCheckpoint
    since.commits++
    for (const delivery of deliveries) since.readings += delivery.kind === 'batch' ? delivery.batch.count : 0
    if (since.commits < CHECKPOINT_COMMITS && since.readings < CHECKPOINT_READINGS) return
    this.#sinceCheckpoint = { commits: 0, readings: 0 }
    setImmediate(() => {
      if (this.#database.open) this.#checkpoint('PASSIVE')
    })
  }

  /** Nothing is lost if it fails: the WAL keeps its content, and the next checkpoint tries again. */
  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      this.#database.pragma(`wal_checkpoint(${mode})`)
    } catch {
      this.#sinceCheckpoint = { commits: CHECKPOINT_COMMITS, readings: 0 }
    }
  }

  close(): void {
    if (!this.#database.open) return
    this.#checkpoint('TRUNCATE')
    this.#database.close()
    this.#lock.close()
  }
}

function verdictOf(block: SeriesBlock, i: number): Verdict {
  return { quality: block.quality[i] as Quality, reasons: block.reasons[i]! }
}

function countOf(ranges: readonly SeqRange[]): number {
  return ranges.reduce((count, { first, last }) => count + last - first + 1, 0)
}

function highOf(log: SqliteKnownLog): Seq {
  return log.positions.highest ?? 0
}
