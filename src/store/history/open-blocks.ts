import type { Database, Statement } from 'better-sqlite3'
import { assert, OperatorError } from '../../base/errors.ts'
import type { Quality, Seq } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { type BlockHead, type BlockTable, DamagedBlock, seriesOf } from '../sealed/blocks.ts'
import { valueBytes } from './tail.ts'

/** Open blocks that are kept for the next question or page, by about what they take in memory. */
const KEPT_BYTES_MAX = 8_388_608
/** A number of a row, with its time, position and verdict. */
const ROW_BYTES = 40

/** A block that is open. */
export interface OpenBlock {
  readonly columns: BlockColumns
  /** The rows by (ts, seq); undefined where they are so already. */
  readonly order: Uint32Array | undefined
}

interface Kept extends OpenBlock {
  readonly head: BlockHead
  readonly bytes: number
}

/** Opens blocks, with the verdicts as the transaction at work sees them, and keeps those that were used last. */
export class OpenBlocks {
  readonly #blocks: BlockTable
  readonly #verdicts: Statement<[Seq, Seq, number]>
  /** The one used last is the last. */
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

  /** Numbers of parts come again, when the newest ones were removed: the readings tell whether it is the same block. */
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
    assert(block !== undefined, 'a block is there as long as the transaction that found it')
    try {
      return this.#blocks.open(block)
    } catch (failure) {
      if (!(failure instanceof DamagedBlock)) throw failure
      const [from, to] = [head.tsMin, head.tsMax + 1].map((ts) => new Date(ts).toISOString())
      throw new OperatorError(`history between ${from} and ${to} cannot be read: ${failure.message}`, {
        remedy: `leave that time out; a running edge takes the damaged block out when it comes to it`,
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

  /** Verdicts that changed since the block was opened. They are never taken back, so all that there are may be put in. */
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

/** The rows in the order of their times, or undefined where they are so already. */
function timeOrder(ts: Float64Array): Uint32Array | undefined {
  let sorted = true
  for (let row = 1; row < ts.length && sorted; row++) sorted = ts[row - 1]! <= ts[row]!
  if (sorted) return undefined
  return Uint32Array.from(ts, (_, row) => row).sort((a, b) => ts[a]! - ts[b]! || a - b)
}

function sizeOf({ values }: BlockColumns): number {
  let bytes = values.length * ROW_BYTES
  for (const value of values) bytes += valueBytes(value)
  return bytes
}
