import type { Database, Statement } from 'better-sqlite3'
import { assert, OperatorError } from '../../base/errors.ts'
import type { Quality, Seq } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { type BlockHead, type BlockTable, DamagedBlock, seriesOf } from '../sealed/blocks.ts'
import { valueBytes } from './tail.ts'

/** Open blocks kept for the next query or page, limited by their approximate size in memory. */
const KEPT_BYTES_MAX = 8_388_608
/** Bytes of an open block without its rows: its objects and arrays. Most of a store of many series are such blocks. */
const BLOCK_BYTES = 1_536
/** Bytes of a row with a number: value, time, position, verdict and place in the order. */
const ROW_BYTES = 44

/** An open block. */
export interface OpenBlock {
  readonly columns: BlockColumns
  /** The row order by (ts, seq); undefined: the rows are in that order already. */
  readonly order: Uint32Array | undefined
}

interface Kept extends OpenBlock {
  readonly head: BlockHead
  readonly bytes: number
}

/** Opens blocks with the verdicts as the current transaction sees them, and keeps the most recently used ones. */
export class OpenBlocks {
  readonly #blocks: BlockTable
  readonly #verdicts: Statement<[Seq, Seq, number]>
  /** The most recently used one is the last. */
  readonly #kept = new Map<number, Kept>()
  #keptBytes = 0

  constructor(database: Database, blocks: BlockTable) {
    this.#blocks = blocks
    this.#verdicts = database.prepare(
      'SELECT seq, quality, reasons FROM verdicts WHERE seq BETWEEN ? AND ? AND series = ?',
    )
  }

  /** @throws OperatorError when the block is damaged. */
  open(head: BlockHead): OpenBlock {
    const kept = this.#take(head)
    if (kept === undefined) return this.#keep(head, this.#read(head))
    this.#overlay(head, kept.columns)
    this.#kept.set(head.id, kept)
    this.#keptBytes += kept.bytes
    return kept
  }

  /**
   * Part numbers are reused after the newest parts were removed: count and positions of the readings show whether it is
   * the same block.
   */
  #take({ id, readings, seqFirst, seqLast }: BlockHead): Kept | undefined {
    const kept = this.#kept.get(id)
    if (kept === undefined) return undefined
    this.#kept.delete(id)
    this.#keptBytes -= kept.bytes
    const { head } = kept
    return head.readings === readings && head.seqFirst === seqFirst && head.seqLast === seqLast ? kept : undefined
  }

  #read(head: BlockHead): BlockColumns {
    const block = this.#blocks.get(head.id)
    assert(block !== undefined, 'a block exists for as long as the transaction that found it')
    try {
      return this.#blocks.open(block)
    } catch (failure) {
      if (!(failure instanceof DamagedBlock)) throw failure
      const [from, to] = [head.tsMin, head.tsMax + 1].map((ts) => new Date(ts).toISOString())
      throw new OperatorError(`history between ${from} and ${to} cannot be read: ${failure.message}`, {
        remedy: `exclude that time from the query; a running edge removes the damaged block when it reads it`,
        cause: failure,
      })
    }
  }

  #keep(head: BlockHead, columns: BlockColumns): OpenBlock {
    const kept: Kept = { head, columns, order: timeOrder(columns.ts), bytes: sizeOf(columns) }
    if (kept.bytes > KEPT_BYTES_MAX) return kept
    this.#kept.set(head.id, kept)
    this.#keptBytes += kept.bytes
    for (const [id, { bytes }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES_MAX) break
      this.#kept.delete(id)
      this.#keptBytes -= bytes
    }
    return kept
  }

  /**
   * Applies verdicts that changed since the block was opened. Changes are never taken back, so all of them can be
   * applied.
   */
  #overlay({ id, seqFirst, seqLast }: BlockHead, { seq: positions, quality, reasons }: BlockColumns): void {
    const changed = this.#verdicts.all(seqFirst, seqLast, seriesOf(id)) as {
      seq: Seq
      quality: Quality
      reasons: number
    }[]
    for (const verdict of changed) {
      const row = positions.indexOf(verdict.seq)
      if (row < 0) continue
      quality[row] = verdict.quality
      reasons[row] = verdict.reasons
    }
  }
}

/** The row order by time; undefined: the rows are in that order already. */
function timeOrder(ts: Float64Array): Uint32Array | undefined {
  let sorted = true
  for (let row = 1; row < ts.length && sorted; row++) sorted = ts[row - 1]! <= ts[row]!
  if (sorted) return undefined
  return Uint32Array.from(ts, (_, row) => row).sort((a, b) => ts[a]! - ts[b]! || a - b)
}

function sizeOf({ values }: BlockColumns): number {
  let bytes = BLOCK_BYTES + values.length * ROW_BYTES
  for (const value of values) bytes += valueBytes(value)
  return bytes
}
