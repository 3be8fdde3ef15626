import type { Database, Statement } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'
import { type BlockHead, type BlockTable, seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Interval } from './interval.ts'

/** A lookup of one block costs as much as reading this many blocks in a row. */
const LOOKUP_COST = 4

/** The fields of a seal that queries need. */
export type SealHead = Pick<Seal, 'id' | 'parts' | 'first' | 'last' | 'blocks' | 'tsMin' | 'tsMax' | 'receivedLast'>

/**
 * Finds the blocks for a query. All lookups of one query must be in one transaction: seals and blocks change together,
 * but only within a transaction are they consistent with each other.
 */
export class SealedHistory {
  readonly #blocks: BlockTable
  readonly #seals: Statement<[number, number]>
  readonly #sealedUpTo: Statement<[]>

  constructor(database: Database, blocks: BlockTable) {
    this.#blocks = blocks
    this.#seals = database.prepare(`SELECT id, parts, first, last, blocks, ts_min AS tsMin, ts_max AS tsMax,
      received_last AS receivedLast FROM seals WHERE ts_max >= ? AND ts_min < ? ORDER BY ts_min, id`)
    this.#sealedUpTo = database.prepare(`SELECT value FROM meta WHERE key = 'sealed'`).pluck()
  }

  /** Log rows up to this position are leftovers. */
  get upTo(): Seq {
    return this.#sealedUpTo.get() as Seq
  }

  /** Seals with readings in this interval, in order of their earliest reading. */
  seals({ from, to }: Interval): SealHead[] {
    return this.#seals.all(from, to) as SealHead[]
  }

  /**
   * The blocks of a series with readings in this interval, in order of their earliest reading. Each seal is read only
   * when it is needed, so that a caller that stops early does not pay for the rest.
   */
  *heads(series: number, interval: Interval): Generator<BlockHead> {
    const seals = this.seals(interval)
    let waiting: BlockHead[] = []
    for (let next = 0; ; ) {
      while (next < seals.length && !(waiting.length > 0 && waiting[0]!.tsMin < seals[next]!.tsMin)) {
        const found = this.headsOf(seals[next++]!, series, interval)
        if (found.length > 0) waiting = [...waiting, ...found].sort(byEarliest)
      }
      const head = waiting.shift()
      if (head === undefined) return
      yield head
    }
  }

  /** The blocks of some series in a seal: read one by one if there are few series, otherwise selected from all. */
  headsOfMany(seal: SealHead, series: ReadonlySet<number>): BlockHead[] {
    if (series.size * LOOKUP_COST < seal.blocks) return [...series].flatMap((id) => this.#blocks.headsOf(seal, id))
    const found: BlockHead[] = []
    for (const page of this.#blocks.headPages(seal)) {
      for (const head of page) if (series.has(seriesOf(head.id))) found.push(head)
    }
    return found
  }

  /** The blocks of a series in a seal with readings in this interval. */
  headsOf(seal: SealHead, series: number, { from, to }: Interval): BlockHead[] {
    return this.#blocks.headsOf(seal, series).filter(({ tsMin, tsMax }) => tsMax >= from && tsMin < to)
  }
}

function byEarliest(a: BlockHead, b: BlockHead): number {
  return a.tsMin - b.tsMin || a.seqFirst - b.seqFirst
}
