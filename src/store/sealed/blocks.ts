import type { Database, Statement } from 'better-sqlite3'
import type { Quality, Seq } from '../../base/reading.ts'
import { type BlockColumns, unpackBlock } from '../../codec/block.ts'
import type { BlockRow } from './block-row.ts'
import type { BlockSummary } from './block-summary.ts'
import type { Seal } from './seals.ts'

/** Series ids below this number fit into a block id; `store.seriesMax` is lower. */
const SERIES_LIMIT = 2 ** 24
/** A series with more readings in a stretch gets several blocks, so that no block takes long to open. */
export const BLOCK_READINGS_MAX = 16_384
/** Limit of unpacked bytes: larger than any block of BLOCK_READINGS_MAX readings, unless its values are long texts. */
const UNPACKED_BYTES_MAX = 2 ** 30
/** Heads read in one query: about a millisecond. */
const PAGE_HEADS = 256

/** A block as stored on the disk. */
export interface Block extends BlockSummary {
  readonly id: number
  readonly bytes: Uint8Array
}

export function blockId(part: number, series: number): number {
  return part * SERIES_LIMIT + series
}

export function seriesOf(id: number): number {
  return id % SERIES_LIMIT
}

export function partOf(id: number): number {
  return Math.floor(id / SERIES_LIMIT)
}

/** The ids that blocks of a seal can have, as a closed interval. */
export function idsOf({ id, parts }: Pick<Seal, 'id' | 'parts'>): { first: number; last: number } {
  return { first: blockId(id, 0), last: blockId(id + parts, 0) - 1 }
}

/** A block cannot be opened: its bytes are not those that were written. */
export class DamagedBlock extends Error {
  override readonly name = 'DamagedBlock'
  readonly code = 'STORE_DAMAGED'
  readonly id: number

  constructor(id: number, reason: string) {
    super(`block ${id} (part ${partOf(id)}, series ${seriesOf(id)}) cannot be opened: ${reason}`)
    this.id = id
  }
}

const SUMMARY = `id, readings, seq_first AS seqFirst, seq_last AS seqLast, ts_min AS tsMin, ts_max AS tsMax, good, worst,
  numbers, value_min AS valueMin, value_max AS valueMax, value_sum AS valueSum, value_first AS valueFirst,
  value_last AS valueLast`

/** A block without its bytes. */
export type BlockHead = Omit<Block, 'bytes'>

/** The table of blocks. Reading works on any connection; writing is done in the store's transactions. */
export class BlockTable {
  readonly #get: Statement<[number]>
  readonly #head: Statement<[number]>
  readonly #page: Statement<[number, number, number]>
  readonly #heads: Statement<[number, number, number]>
  readonly #verdicts: Statement<[Seq, Seq, number]>
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
    this.#get = database.prepare(`SELECT ${SUMMARY}, bytes FROM blocks WHERE id = ?`)
    this.#head = database.prepare(`SELECT ${SUMMARY} FROM blocks WHERE id = ?`)
    this.#page = database.prepare(`SELECT ${SUMMARY}, bytes FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`)
    this.#heads = database.prepare(`SELECT ${SUMMARY} FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`)
    this.#verdicts = database.prepare(
      'SELECT seq, quality, reasons FROM verdicts WHERE seq BETWEEN ? AND ? AND series = ?',
    )
  }

  /** The blocks of one series in a seal, in ascending position, without their bytes. */
  headsOf({ id, parts }: Pick<Seal, 'id' | 'parts'>, series: number): BlockHead[] {
    const found: BlockHead[] = []
    for (let part = id; part < id + parts; part++) {
      const head = this.headAt(blockId(part, series))
      if (head !== undefined) found.push(head)
    }
    return found
  }

  /** All blocks of a seal without their bytes, in ascending id: part by part, each by series. */
  headsIn(seal: Pick<Seal, 'id' | 'parts'>): BlockHead[] {
    return [...this.headPages(seal)].flat()
  }

  /** The same in pages, for a caller that must not read them all at once. */
  *headPages(seal: Pick<Seal, 'id' | 'parts'>): Generator<BlockHead[], void, undefined> {
    const { first, last } = idsOf(seal)
    for (let next = first; ; ) {
      const page = this.#heads.all(next, last, PAGE_HEADS) as BlockHead[]
      if (page.length > 0) yield page
      if (page.length < PAGE_HEADS) return
      next = page.at(-1)!.id + 1
    }
  }

  /** Blocks with ids from `fromId` to `toId`, at most `countMax`. */
  page(fromId: number, toId: number, countMax: number): Block[] {
    return this.#page.all(fromId, toId, countMax) as Block[]
  }

  headAt(id: number): BlockHead | undefined {
    return this.#head.get(id) as BlockHead | undefined
  }

  get(id: number): Block | undefined {
    return this.#get.get(id) as Block | undefined
  }

  /**
   * Whether verdicts of a block changed after it was packed: then `good` and `worst` in its summary are out of date.
   */
  isAmended({ id, seqFirst, seqLast }: BlockHead): boolean {
    return this.#verdicts.get(seqFirst, seqLast, seriesOf(id)) !== undefined
  }

  /** Opens a block and applies the verdicts that changed since. @throws DamagedBlock */
  open(block: Block): BlockColumns {
    const { id, readings, seqFirst, seqLast } = block
    const columns = unpack(block, readings)
    if (columns.seq.length !== readings) throw new DamagedBlock(id, `${columns.seq.length} readings, not ${readings}`)
    for (const { seq, quality, reasons } of this.#verdicts.all(seqFirst, seqLast, seriesOf(id)) as Changed[]) {
      const row = columns.seq.indexOf(seq)
      if (row < 0) continue
      columns.quality[row] = quality
      columns.reasons[row] = reasons
    }
    return columns
  }

  insert(row: BlockRow): void {
    this.#insert ??= this.#database.prepare(`INSERT OR REPLACE INTO blocks VALUES (${Array(15).fill('?').join(', ')})`)
    this.#insert.run(...row)
  }
  #insert: Statement<unknown[]> | undefined

  remove(id: number): void {
    this.removeBetween(id, id)
  }

  /** @returns the number of blocks removed. */
  removeBetween(fromId: number, toId: number): number {
    this.#remove ??= this.#database.prepare('DELETE FROM blocks WHERE id BETWEEN ? AND ?')
    return this.#remove.run(fromId, toId).changes
  }
  #remove: Statement<[number, number]> | undefined

  /** The lowest part number, from this one on, that has a block. */
  nextPart(from: number): number | undefined {
    const id = this.#database.prepare('SELECT min(id) FROM blocks WHERE id >= ?').pluck().get(blockId(from, 0))
    return typeof id === 'number' ? partOf(id) : undefined
  }

  /** A part number that is not in use. */
  freePart(seals: readonly Seal[]): number {
    const id = this.#database.prepare('SELECT max(id) FROM blocks').pluck().get()
    const behindBlocks = typeof id === 'number' ? partOf(id) + 1 : 1
    return seals.reduce((part, seal) => Math.max(part, seal.id + seal.parts), behindBlocks)
  }
}

/**
 * The columns of a block as they were packed, whatever its summary says.
 * @param readingsMax blocks of the writer have at most BLOCK_READINGS_MAX @throws DamagedBlock
 */
export function unpack({ id, bytes }: Pick<Block, 'id' | 'bytes'>, readingsMax = BLOCK_READINGS_MAX): BlockColumns {
  const unpacked = unpackBlock(bytes, { readingsMax, bytesMax: UNPACKED_BYTES_MAX })
  if (!unpacked.ok) throw new DamagedBlock(id, unpacked.reason)
  return unpacked.columns
}

interface Changed {
  readonly seq: Seq
  readonly quality: Quality
  readonly reasons: number
}
