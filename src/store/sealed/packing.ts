import { assert } from '../../base/errors.ts'
import { type BlockColumns, BlockPacker, type Rows } from '../../codec/block.ts'
import { type BlockRow, blockRow } from './block-row.ts'
import { BLOCK_READINGS_MAX, type BlockTable, blockId } from './blocks.ts'

/** Packed bytes collected for one transaction: fewer, larger transactions cause less wear. */
const WRITE_BYTES = 262_144

export interface PackedTotals {
  readonly parts: number
  readonly blocks: number
  readonly readings: number
  readonly tsMin: number
  readonly tsMax: number
}

/**
 * Packs readings of many series into blocks of a new seal and writes them in slices. The blocks are invisible until
 * their seal exists; the caller commits the seal at the end.
 */
export class SealWriter {
  readonly #blocks: BlockTable
  readonly #part: number
  readonly #write: (work: () => void) => void
  readonly #packer = new BlockPacker()
  #waiting: BlockRow[] = []
  #waitingBytes = 0
  #parts = 0
  #count = 0
  /** The current series, and its number of blocks so far. */
  #series = -1
  #ofSeries = 0
  #readings = 0
  #tsMin = Infinity
  #tsMax = -Infinity

  /** @param write runs one durable transaction. */
  constructor(blocks: BlockTable, firstPart: number, write: (work: () => void) => void) {
    this.#blocks = blocks
    this.#part = firstPart
    this.#write = write
  }

  get totals(): PackedTotals {
    return { parts: this.#parts, blocks: this.#count, readings: this.#readings, tsMin: this.#tsMin, tsMax: this.#tsMax }
  }

  /** Packs readings of one series, given in ascending position. Calls for the same series must follow one another. */
  add(series: number, rows: Rows, order: Uint32Array): void {
    if (series !== this.#series) this.#ofSeries = 0
    this.#series = series
    for (let from = 0; from < order.length; from += BLOCK_READINGS_MAX) {
      const some = order.subarray(from, from + BLOCK_READINGS_MAX)
      const bytes = this.#packer.pack(rows, some)
      const row = blockRow(blockId(this.#part + this.#ofSeries++, series), columnsOf(rows, some), bytes)
      this.#waiting.push(row)
      this.#waitingBytes += bytes.length
      this.#parts = Math.max(this.#parts, this.#ofSeries)
      this.#count++
      this.#readings += row[1]
      this.#tsMin = Math.min(this.#tsMin, row[4])
      this.#tsMax = Math.max(this.#tsMax, row[5])
    }
  }

  get isDue(): boolean {
    return this.#waitingBytes >= WRITE_BYTES
  }

  /** Writes the collected blocks in a transaction of its own. */
  flush(): void {
    if (this.#waiting.length > 0) this.#write(() => this.insertWaiting())
  }

  /** Inside a transaction: writes the collected blocks. */
  insertWaiting(): void {
    for (const row of this.#waiting) this.#blocks.insert(row)
    this.#waiting = []
    this.#waitingBytes = 0
  }
}

function columnsOf(rows: Rows, order: Uint32Array): BlockColumns {
  const columns = {
    seq: new Float64Array(order.length),
    ts: new Float64Array(order.length),
    values: new Array<BlockColumns['values'][number]>(order.length),
    quality: new Uint8Array(order.length),
    reasons: new Uint32Array(0), // not used by a summary
  }
  for (let i = 0; i < order.length; i++) {
    const row = order[i]!
    const other = rows.other[row]!
    columns.seq[i] = rows.seq[row]!
    columns.ts[i] = rows.ts[row]!
    columns.values[i] = other === 0 ? rows.number[row]! : rows.others[other - 1]!
    columns.quality[i] = rows.quality[row]!
  }
  return columns
}

/** The row order 0, 1, 2, …, for rows of a single series. */
export function inOrder(rows: Rows): Uint32Array {
  return Uint32Array.from({ length: rows.count }, (_, i) => i)
}

/** Adds the readings of an open block to rows. */
export function addColumns(rows: Rows, series: number, { seq, ts, values, quality, reasons }: BlockColumns): void {
  assert(seq.length > 0, 'a block has readings')
  for (let i = 0; i < seq.length; i++) {
    rows.add(series, seq[i]!, ts[i]!, values[i]!, quality[i] as 1 | 2 | 3 | 4 | 9, reasons[i]!)
  }
}
