import type { Database } from 'better-sqlite3'
import { openDatabase, openReadOnly } from '../database.ts'
import { FolderLock } from '../lock.ts'
import { blockRow } from '../sealed/block-row.ts'
import { summaryErrors } from '../sealed/block-summary.ts'
import { type Block, BlockTable, DamagedBlock, idsOf, unpack } from '../sealed/blocks.ts'
import { readSeals, type Seal, SealDirectory } from '../sealed/seals.ts'

/** Blocks read in one transaction. */
const PAGE_BLOCKS = 64

/**
 * Computes the summaries again that do not match the readings of their blocks, and the totals of their seals. The readings
 * have checksums, summaries have none: so the readings are right. Blocks that cannot be opened stay as they are.
 * @param onPage is called after every few blocks, with the progress from 0 to 1.
 * @returns the number of blocks repaired. @throws OperatorError while an edge runs on the folder, or if there is no store.
 */
export function repairSummaries(folder: string, onPage: (share: number) => void = () => undefined): number {
  openReadOnly(folder).close()
  const lock = FolderLock.take(folder)
  try {
    const database = openDatabase(folder)
    try {
      let repaired = 0
      const seals = readSeals(database)
      for (const [at, { id }] of seals.entries()) {
        repaired += repairSeal(database, id)
        onPage((at + 1) / seals.length)
      }
      return repaired
    } finally {
      database.close()
    }
  } finally {
    lock.release()
  }
}

/** In one transaction: the ledger must not see some blocks repaired and others not. */
function repairSeal(database: Database, id: number): number {
  return database.transaction(() => {
    const directory = new SealDirectory(database)
    const seal = directory.all.find((one) => one.id === id)!
    const blocks = new BlockTable(database)
    const ids = idsOf(seal)
    let repaired = 0
    for (let next = ids.first; ; ) {
      const page = blocks.page(next, ids.last, PAGE_BLOCKS)
      for (const block of page) if (repairBlock(blocks, block)) repaired++
      if (page.length < PAGE_BLOCKS) break
      next = page.at(-1)!.id + 1
    }
    if (repaired > 0) directory.replace([seal], withTotals(seal, blocks))
    return repaired
  })()
}

function repairBlock(blocks: BlockTable, block: Block): boolean {
  try {
    const columns = unpack(block)
    if (summaryErrors(block, columns).length === 0) return false
    blocks.insert(blockRow(block.id, columns, block.bytes))
    return true
  } catch (failure) {
    if (failure instanceof DamagedBlock) return false
    throw failure
  }
}

function withTotals(seal: Seal, blocks: BlockTable): Seal {
  const heads = blocks.headsIn(seal)
  return {
    ...seal,
    readings: heads.reduce((sum, { readings }) => sum + readings, 0),
    tsMin: heads.reduce((min, { tsMin }) => Math.min(min, tsMin), Infinity),
    tsMax: heads.reduce((max, { tsMax }) => Math.max(max, tsMax), -Infinity),
  }
}
