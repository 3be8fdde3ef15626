import { combine } from '../../base/flags.ts'
import type { LoopShare } from '../../base/loop/loop-share.ts'
import type { Quality, Seq, SeqRange, Verdict } from '../../base/reading.ts'
import type { Amendments } from '../../codec/amendments.ts'
import type { Batch, SeriesBlock } from '../../codec/batch.ts'
import { type EdgeLimits, pendingRoom, TOO_MANY_RANGES, tooManyPending } from '../edge-limits.ts'
import type { Delivery, StoreResult } from '../sink.ts'
import { KnownLogs, type SqliteKnownLog } from './known-logs.ts'
import type { PlacedBlock } from './places.ts'
import { SqliteReadingTable } from './reading-table.ts'
import { type RejectLimits, SqliteRejects } from './rejects.ts'
import type { Prepare } from './schema.ts'

export interface StoringLimits extends EdgeLimits, RejectLimits {
  /** Verdicts that may wait for their readings. One edge may have half of what the others leave. */
  readonly pendingMax: number
}

/** Stores deliveries one after the other in an open transaction, and leaves the event loop to others in between. */
export class SqliteStoring {
  readonly #limits: StoringLimits
  readonly #share: LoopShare
  readonly #logs: KnownLogs
  readonly #readings: SqliteReadingTable
  readonly #rejects: SqliteRejects

  constructor(prepare: Prepare, limits: StoringLimits, share: LoopShare) {
    this.#limits = limits
    this.#share = share
    this.#logs = new KnownLogs(prepare, limits, share)
    this.#readings = new SqliteReadingTable(prepare, limits, share)
    this.#rejects = new SqliteRejects(prepare, limits)
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<StoreResult[]> {
    const results: StoreResult[] = []
    for (const delivery of deliveries) {
      if (this.#share.isUsedUp) await this.#share.pause()
      results.push(await this.#storeOne(delivery, receivedAt))
    }
    if (deliveries.some(({ kind }) => kind === 'reject')) this.#rejects.dropOldest()
    return results
  }

  /** After a failed transaction: what it did did not happen. */
  forget(): void {
    this.#logs.forget()
    this.#readings.forget()
  }

  #storeOne(delivery: Delivery, receivedAt: number): Promise<StoreResult> | StoreResult {
    switch (delivery.kind) {
      case 'batch':
        return this.#storeBatch(delivery.batch, receivedAt)
      case 'amendments':
        return this.#amend(delivery.amendments)
      case 'reject':
        this.#rejects.keep(delivery.reject, receivedAt)
        return { kind: 'kept' }
    }
  }

  async #storeBatch(batch: Batch, receivedAt: number): Promise<StoreResult> {
    const log = await this.#logs.of(batch.edge, batch.epoch)
    if ('refusal' in log) return { kind: 'refused', reason: log.refusal }
    const fresh = batch.ranges.flatMap((range) => log.positions.missing(range))
    const { ranges } = batch
    const isNew = countOf(fresh) === countOf(ranges)
    const isRepeat = (seq: Seq): boolean => !isNew && log.positions.has(seq)
    const repeats = isNew ? 0 : batch.series.reduce((sum, { seq }) => sum + seq.filter(isRepeat).length, 0)
    if (repeats > 0 && (await this.#contradicts(log, batch, isRepeat))) {
      return { kind: 'forked', ranges, high: highOf(log) }
    }
    if (this.#logs.isTooFragmented(log, fresh)) return { kind: 'refused', reason: TOO_MANY_RANGES }
    const series = await this.#readings.seriesOf(batch.series, batch.edge)
    if ('refusal' in series) return { kind: 'refused', reason: series.refusal }
    const blocks = batch.series.map((block, i) => ({ series: series[i]!, block }))
    const isPlain = isNew && log.pending.size === 0
    if (isPlain) await this.#insertAll(log, blocks, receivedAt)
    else for (const one of blocks) await this.#insertSome(log, one, isRepeat, receivedAt)
    await this.#readings.places.add(log.id, fresh, blocks)
    await this.#logs.add(log, fresh)
    this.#logs.count(log, batch.count - repeats, receivedAt)
    return { kind: 'stored', ranges, high: highOf(log), repeats }
  }

  async #contradicts(log: SqliteKnownLog, { series }: Batch, isRepeat: (seq: Seq) => boolean): Promise<boolean> {
    for (const block of series) if (await this.#readings.contradicts(log.id, block, isRepeat)) return true
    return false
  }

  /** None of the readings is stored yet. One call for all blocks: a promise for each of them would cost as much as its rows. */
  async #insertAll(log: SqliteKnownLog, blocks: readonly PlacedBlock[], receivedAt: number): Promise<void> {
    for (const { series, block } of blocks) {
      for (let next = 0; next < block.seq.length; ) {
        if (this.#share.isUsedUp) await this.#share.pause()
        next = this.#readings.insertNext(log.id, series, block, next, receivedAt)
      }
    }
  }

  async #insertSome(
    log: SqliteKnownLog,
    { series, block }: PlacedBlock,
    isRepeat: (seq: Seq) => boolean,
    receivedAt: number,
  ): Promise<void> {
    for (let i = 0; i < block.seq.length; i++) {
      if (this.#share.isUsedUp) await this.#share.pause()
      const seq = block.seq[i]!
      const ts = block.ts[i]!
      if (isRepeat(seq)) {
        const stored = this.#readings.at(log.id, seq, { series, ts }) ?? (await this.#readings.find(log.id, seq))
        if (stored !== undefined) this.#readings.merge({ log: log.id, seq }, stored, verdictOf(block, i))
      } else {
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

  async #amend({ edge, epoch, items }: Amendments): Promise<StoreResult> {
    const log = await this.#logs.of(edge, epoch)
    if ('refusal' in log) return { kind: 'refused', reason: log.refusal }
    const early = items.filter(({ seq }) => !log.positions.has(seq) && !log.pending.has(seq)).length
    if (early > 0 && early > pendingRoom(this.#logs.pending, edge, this.#limits.pendingMax)) {
      return { kind: 'refused', reason: tooManyPending(this.#limits) }
    }
    // In the order of the positions: neighbours are found together, and merging gives the same result in any order.
    for (const item of items.toSorted((a, b) => a.seq - b.seq)) {
      if (this.#share.isUsedUp) await this.#share.pause()
      if (!log.positions.has(item.seq)) this.#logs.expect(log, item)
      else {
        const stored = await this.#readings.find(log.id, item.seq)
        if (stored !== undefined) this.#readings.merge({ log: log.id, seq: item.seq }, stored, item)
      }
    }
    return { kind: 'amended', high: highOf(log) }
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
