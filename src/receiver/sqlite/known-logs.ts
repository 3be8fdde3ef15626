import { combine } from '../../base/flags.ts'
import type { LoopShare } from '../../base/loop/loop-share.ts'
import { SeqSet } from '../../base/ranges.ts'
import type { Amendment, Quality, Seq, SeqRange, Verdict } from '../../base/reading.ts'
import { type EdgeLimits, LOG_RANGES_MAX, tooManyEdges, tooManyEpochs } from '../edge-limits.ts'
import type { Prepare } from './schema.ts'

/** Logs whose positions are held in memory; above it the oldest is dropped, and read again when it is needed. */
const LOGS_CACHED_MAX = 10_000
/** Ranges of positions that one step reads. */
const PAGE_RANGES = 4_096

/** What the sink knows of one (edge, epoch). */
export interface SqliteKnownLog {
  readonly id: number
  readonly edge: string
  /** Every position that was ever stored. */
  readonly positions: SeqSet
  /** Verdicts that arrived before their readings. */
  readonly pending: Map<Seq, Verdict>
}

/** The logs of all edges: read once, then written through. After a failed transaction `forget` must be called. */
export class KnownLogs {
  readonly #cache = new Map<string, SqliteKnownLog>()
  /** Verdicts that wait, by edge; undefined: not counted yet. */
  #pendingOf: Map<string, number> | undefined
  readonly #limits: EdgeLimits
  readonly #share: LoopShare
  /** Undefined: not counted yet. */
  #edgeCount: number | undefined
  readonly #statements

  constructor(prepare: Prepare, limits: EdgeLimits, share: LoopShare) {
    this.#limits = limits
    this.#share = share
    this.#statements = {
      epochCount: prepare('SELECT count(*) FROM logs WHERE edge = ?'),
      edgeCount: prepare('SELECT count(DISTINCT edge) FROM logs'),
      find: prepare('SELECT id FROM logs WHERE edge = ? AND epoch = ?'),
      create: prepare('INSERT INTO logs (edge, epoch) VALUES (?, ?) RETURNING id'),
      positions: prepare(
        `SELECT first, last FROM positions WHERE log = ? AND first > ? ORDER BY first LIMIT ${PAGE_RANGES}`,
      ),
      cover: prepare('DELETE FROM positions WHERE log = ? AND first BETWEEN ? AND ?'),
      extend: prepare('INSERT INTO positions (log, first, last) VALUES (?, ?, ?)'),
      count: prepare('UPDATE logs SET readings = readings + ?, stored_at = ? WHERE id = ?'),
      pending: prepare('SELECT seq, quality, reasons FROM pending WHERE log = ?'),
      pendingOf: prepare('SELECT edge, count(*) FROM pending JOIN logs ON logs.id = log GROUP BY edge'),
      await: prepare('INSERT OR REPLACE INTO pending (log, seq, quality, reasons) VALUES (?, ?, ?, ?)'),
      arrived: prepare('DELETE FROM pending WHERE log = ? AND seq = ?'),
    }
  }

  forget(): void {
    this.#cache.clear()
    this.#pendingOf = undefined
    this.#edgeCount = undefined
  }

  /** The log of this edge and epoch, or why it cannot be created. */
  async of(edge: string, epoch: string): Promise<SqliteKnownLog | { readonly refusal: string }> {
    const key = JSON.stringify([edge, epoch])
    const known = this.#cache.get(key)
    if (known !== undefined) return known
    const found = this.#statements.find.get(edge, epoch)
    const refusal = found === undefined ? this.#refusal(edge) : undefined
    if (refusal !== undefined) return { refusal }
    const log = await this.#read(Number((found ?? this.#statements.create.get(edge, epoch)!)[0]), edge)
    if (this.#cache.size >= LOGS_CACHED_MAX) this.#cache.delete(this.#cache.keys().next().value!)
    this.#cache.set(key, log)
    return log
  }

  /** Why one more epoch of this edge cannot be created. */
  #refusal(edge: string): string | undefined {
    const epochs = Number(this.#statements.epochCount.get(edge)![0])
    if (epochs > 0) return epochs >= this.#limits.epochsPerEdgeMax ? tooManyEpochs(this.#limits) : undefined
    this.#edgeCount ??= Number(this.#statements.edgeCount.get()![0])
    if (this.#edgeCount >= this.#limits.edgesMax) return tooManyEdges(this.#limits)
    this.#edgeCount++
    return undefined
  }

  /** Whether these ranges, which are not stored yet, are too many in addition to those that are. */
  isTooFragmented({ positions }: SqliteKnownLog, fresh: readonly SeqRange[]): boolean {
    if (positions.size + fresh.length <= LOG_RANGES_MAX) return false
    let more = 0
    for (const { first, last } of fresh) more += 1 - Number(positions.has(first - 1)) - Number(positions.has(last + 1))
    return more > 0 && positions.size + more > LOG_RANGES_MAX
  }

  async #read(id: number, edge: string): Promise<SqliteKnownLog> {
    const positions = new SeqSet()
    for (let count = PAGE_RANGES; count === PAGE_RANGES; ) {
      if (this.#share.isUsedUp) await this.#share.pause()
      const rows = this.#statements.positions.all(id, positions.highest ?? -1)
      for (const [first, last] of rows) positions.add({ first: Number(first), last: Number(last) })
      count = rows.length
    }
    const verdicts = this.#statements.pending.all(id).map(([seq, quality, reasons]): [Seq, Verdict] => {
      return [Number(seq), { quality: Number(quality) as Quality, reasons: Number(reasons) }]
    })
    return { id, edge, positions, pending: new Map(verdicts) }
  }

  /** Records that the readings of these positions are stored: ascending ranges, none of which was stored before. */
  async add(log: SqliteKnownLog, ranges: readonly SeqRange[]): Promise<void> {
    log.positions.addAll(ranges)
    let written: SeqRange | undefined
    for (const range of ranges) {
      if (this.#share.isUsedUp) await this.#share.pause()
      if (written !== undefined && range.last <= written.last) continue
      written = log.positions.around(range.first)!
      const { first, last } = written
      if (first !== range.first || last !== range.last) this.#statements.cover.run(log.id, first, last)
      this.#statements.extend.run(log.id, first, last)
    }
  }

  /** Counts new readings. */
  count({ id }: SqliteKnownLog, readings: number, receivedAt: number): void {
    if (readings > 0) this.#statements.count.run(readings, receivedAt, id)
  }

  /** The number of verdicts that wait, by edge. */
  get pending(): Map<string, number> {
    this.#pendingOf ??= new Map(this.#statements.pendingOf.all().map(([edge, count]) => [String(edge), Number(count)]))
    return this.#pendingOf
  }

  #countPending({ edge }: SqliteKnownLog, more: 1 | -1): void {
    const count = (this.pending.get(edge) ?? 0) + more
    if (count > 0) this.pending.set(edge, count)
    else this.pending.delete(edge)
  }

  /** Keeps a verdict until its reading arrives. */
  expect(log: SqliteKnownLog, { seq, quality, reasons }: Amendment): void {
    const before = log.pending.get(seq)
    const verdict = before === undefined ? { quality, reasons } : combine(before, { quality, reasons })
    if (before === undefined) this.#countPending(log, 1)
    log.pending.set(seq, verdict)
    this.#statements.await.run(log.id, seq, verdict.quality, verdict.reasons)
  }

  /** The verdict that waits for this position, if any; it waits no longer. */
  arrive(log: SqliteKnownLog, seq: Seq): Verdict | undefined {
    const verdict = log.pending.get(seq)
    if (verdict === undefined) return undefined
    this.#countPending(log, -1)
    log.pending.delete(seq)
    this.#statements.arrived.run(log.id, seq)
    return verdict
  }
}
