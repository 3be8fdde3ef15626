import { combine } from '../../base/flags.ts'
import { LoopShare } from '../../base/loop/loop-share.ts'
import type { Seq, SeqRange, Verdict } from '../../base/reading.ts'
import type { Amendments } from '../../codec/amendments.ts'
import type { Batch, SeriesBlock } from '../../codec/batch.ts'
import { pendingRoom, tooManyPending } from '../edge-limits.ts'
import type { Delivery, Reject, StoreResult } from '../sink.ts'
import type { Connection } from './connection.ts'
import type { Hull, LogTables, PostgresKnownLog } from './known-logs.ts'
import { shown, timestamp } from './literals.ts'
import {
  type FoundRow,
  type Judgement,
  PostgresReadingTable,
  type ReadingTables,
  type TimeSpan,
} from './reading-table.ts'
import { RowBuffer } from './row-buffer.ts'

/** Rows that are encoded in one step. */
const STEP_ROWS = 256

/** Quoted table names. */
export interface Tables extends LogTables, ReadingTables {
  readonly rejects: string
}

/** A delivery with the ids of the log and series that it names. */
export interface Named {
  readonly delivery: Delivery
  /** Why it can never be stored; then it has no ids. */
  readonly refusal: string | undefined
  readonly log: number
  /** The ids of its series, in their order. */
  readonly series: readonly number[]
}

export interface StoringOptions {
  readonly tables: Tables
  /** All logs of the deliveries, locked. */
  readonly known: ReadonlyMap<number, PostgresKnownLog>
  /** UTC milliseconds. */
  readonly receivedAt: number
  readonly rejectsMax: number
  readonly rejectPayloadBytesMax: number
  readonly pendingMax: number
}

/** Stores deliveries one after the other in one transaction that holds the locks of their logs. */
export class Storing {
  readonly #connection: Connection
  readonly #options: StoringOptions
  readonly #table: PostgresReadingTable
  readonly #rows: RowBuffer
  readonly #rejects: Reject[] = []
  readonly #share = new LoopShare()
  /** Verdicts that waited when this began, by edge; undefined: not counted yet. */
  #pendingBefore: Map<string, number> | undefined
  readonly #pendingChange = new Map<string, number>()

  constructor(connection: Connection, options: StoringOptions) {
    this.#connection = connection
    this.#options = options
    this.#table = new PostgresReadingTable(connection, options.tables)
    this.#rows = new RowBuffer(options.receivedAt)
  }

  async store({ delivery, refusal, log, series }: Named): Promise<StoreResult> {
    if (refusal !== undefined) return { kind: 'refused', reason: refusal }
    switch (delivery.kind) {
      case 'batch':
        return this.#storeBatch(delivery.batch, this.#options.known.get(log)!, series)
      case 'amendments':
        return this.#amend(delivery.amendments, this.#options.known.get(log)!)
      case 'reject':
        this.#rejects.push(delivery.reject)
        return { kind: 'kept' }
    }
  }

  /** Writes everything that is left, and commits. */
  async commit(): Promise<void> {
    const { tables, known } = this.#options
    await this.#flush()
    await this.#keepRejects()
    const logs = [...known.values()]
    await this.#connection.commit([
      ...logs.flatMap((log) => log.positionStatements(tables.positions)),
      ...logs.flatMap((log) => log.pendingStatements(tables.pending)),
      ...logs.flatMap((log) => log.countStatements(tables.logs, timestamp(this.#options.receivedAt))),
    ])
  }

  async #storeBatch(batch: Batch, log: PostgresKnownLog, series: readonly number[]): Promise<StoreResult> {
    const { ranges } = batch
    const fresh = ranges.flatMap((range) => log.positions.missing(range))
    const isNew = countOf(fresh) === countOf(ranges)
    const repeated = isNew ? [] : batch.series.flatMap(({ seq }) => [...seq].filter((one) => log.positions.has(one)))
    if (repeated.length > 0) {
      const found = await this.#find(log, repeated, (seqs) => this.#table.find(log.id, seqs, spanOf(batch)))
      if (await this.#contradicts(found, batch, series)) return { kind: 'forked', ranges, high: log.high }
      await this.#table.merge(log.id, judgementsOf(batch, found))
    }
    for (const [s, block] of batch.series.entries())
      await this.#addFresh(batch.edge, block, { log, series: series[s]!, isNew })
    log.add(fresh)
    return { kind: 'stored', ranges, high: log.high, repeats: repeated.length }
  }

  async #addFresh(
    edge: string,
    block: SeriesBlock,
    { log, series, isNew }: { readonly log: PostgresKnownLog; readonly series: number; readonly isNew: boolean },
  ): Promise<void> {
    for (let i = 0; i < block.seq.length; i++) {
      if (i % STEP_ROWS === 0 && this.#share.isUsedUp) await this.#share.pause()
      const seq = block.seq[i]!
      if (!isNew && log.positions.has(seq)) continue
      const verdict = verdictOf(block, i)
      const early = log.pending.size === 0 ? undefined : log.arrive(seq)
      if (early !== undefined) addTo(this.#pendingChange, edge, -1)
      log.count()
      this.#rows.add({
        series,
        log: log.id,
        seq,
        ts: block.ts[i]!,
        value: block.values[i]!,
        verdict: early === undefined ? verdict : combine(verdict, early),
      })
    }
  }

  async #contradicts(found: ReadonlyMap<Seq, FoundRow>, batch: Batch, series: readonly number[]): Promise<boolean> {
    for (const [s, block] of batch.series.entries()) {
      if (await this.#table.contradicts(found, block, series[s]!)) return true
    }
    return false
  }

  async #amend({ edge, items }: Amendments, log: PostgresKnownLog): Promise<StoreResult> {
    const { pendingMax, receivedAt } = this.#options
    const early = items.filter(({ seq }) => !log.positions.has(seq))
    const more = new Set(early.map(({ seq }) => seq).filter((seq) => !log.pending.has(seq))).size
    if (more > 0) {
      if (more > pendingRoom(await this.#pending(), edge, pendingMax)) {
        return { kind: 'refused', reason: tooManyPending(this.#options) }
      }
      addTo(this.#pendingChange, edge, more)
    }
    for (const item of early) log.expect(item)
    const stored = items.filter(({ seq }) => log.positions.has(seq))
    const seqs = stored.map(({ seq }) => seq)
    const found = await this.#find(log, seqs, () => this.#table.findLately(log.id, seqs, receivedAt))
    await this.#table.merge(log.id, judged(stored, found))
    return { kind: 'amended', high: log.high }
  }

  /** The number of verdicts that wait, by edge. */
  async #pending(): Promise<ReadonlyMap<string, number>> {
    const { pending, logs } = this.#options.tables
    const sql = `SELECT edge, count(*) FROM ${pending} JOIN ${logs} ON id = log GROUP BY edge`
    this.#pendingBefore ??= new Map(await this.#connection.rows<[string, number]>(sql))
    const now = new Map(this.#pendingBefore)
    for (const [edge, change] of this.#pendingChange) addTo(now, edge, change)
    return now
  }

  /** Finds stored readings; readings of this transaction are written into the table first. */
  async #find(
    log: PostgresKnownLog,
    seqs: readonly Seq[],
    find: (seqs: readonly Seq[]) => Promise<Map<Seq, FoundRow>>,
  ): Promise<Map<Seq, FoundRow>> {
    if (seqs.length === 0) return new Map()
    if (log.buffered.size > 0 && seqs.some((seq) => log.buffered.has(seq))) await this.#flush()
    return find(seqs)
  }

  async #flush(): Promise<void> {
    await this.#table.insert(this.#rows)
    for (const log of this.#options.known.values()) log.buffered.clear()
  }

  async #keepRejects(): Promise<void> {
    if (this.#rejects.length === 0) return
    const { tables, receivedAt, rejectsMax, rejectPayloadBytesMax } = this.#options
    for (const { edge = '', topic, reason, payload, payloadBytes = payload.byteLength } of this.#rejects) {
      const kept = Buffer.from(payload.subarray(0, rejectPayloadBytesMax))
      await this.#connection.rows(
        `INSERT INTO ${tables.rejects} (received_at, edge, topic, reason, payload, payload_bytes)
         VALUES ($1, $2, $3, $4, $5, $6)`,
        [timestamp(receivedAt), edge, shown(topic), shown(reason), kept, payloadBytes],
      )
    }
    // Every edge keeps its newest ones, as many as any other edge that has more. Only one of several receivers removes
    // the others, and no other waits for it.
    await this.#connection.rows(
      `DELETE FROM ${tables.rejects} WHERE id IN (
         SELECT id FROM ${tables.rejects} WHERE id IN (
           SELECT id FROM (
             SELECT id, row_number() OVER (PARTITION BY edge ORDER BY id DESC) AS place FROM ${tables.rejects}
           ) AS placed ORDER BY place, id DESC OFFSET $1
         ) FOR UPDATE SKIP LOCKED)`,
      [rejectsMax],
    )
  }
}

/** The positions of a delivery, with their neighbours. */
export function hullsOf({ delivery, refusal, log }: Named): Hull[] {
  if (refusal !== undefined || delivery.kind === 'reject') return []
  const ranges = delivery.kind === 'batch' ? delivery.batch.ranges : delivery.amendments.items.map(positionOf)
  const first = ranges.reduce((least, range) => Math.min(least, range.first), Number.MAX_SAFE_INTEGER)
  const last = ranges.reduce((most, range) => Math.max(most, range.last), 0)
  return [{ log, first: first - 1, last: last + 1 }]
}

function positionOf({ seq }: { seq: Seq }): SeqRange {
  return { first: seq, last: seq }
}

function spanOf({ series }: Batch): TimeSpan {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { ts } of series) {
    for (const one of ts) {
      if (one < from) from = one
      if (one > to) to = one
    }
  }
  return { from, to }
}

function judgementsOf({ series }: Batch, found: ReadonlyMap<Seq, FoundRow>): Judgement[] {
  return series.flatMap((block) =>
    judged(
      Array.from(block.seq, (seq, i) => ({ seq, ...verdictOf(block, i) })),
      found,
    ),
  )
}

function judged(items: readonly ({ seq: Seq } & Verdict)[], found: ReadonlyMap<Seq, FoundRow>): Judgement[] {
  return items.flatMap((item) => {
    const row = found.get(item.seq)
    return row === undefined ? [] : [{ ...item, row }]
  })
}

function addTo(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count)
}

function verdictOf(block: SeriesBlock, i: number): Verdict {
  return { quality: block.quality[i] as Verdict['quality'], reasons: block.reasons[i]! }
}

function countOf(ranges: readonly SeqRange[]): number {
  return ranges.reduce((count, { first, last }) => count + last - first + 1, 0)
}
