import type { Database } from 'better-sqlite3'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { isDamage, openReadOnly } from '../database.ts'
import { StoreReader } from '../reader.ts'
import { summaryErrors } from '../sealed/block-summary.ts'
import { type Block, BlockTable, DamagedBlock, idsOf, unpack } from '../sealed/blocks.ts'
import { readSealedUpTo, readSeals, type Seal } from '../sealed/seals.ts'
import { type Damage, openDamages, readDamages } from './damages.ts'

/** Blocks read in one transaction. */
const PAGE_BLOCKS = 64
/** Maximum number of problems reported; in a store with more, these show enough. */
const PROBLEMS_MAX = 100

type Stretch = Pick<Seal, 'id' | 'parts' | 'first' | 'last' | 'readings' | 'blocks'>

export interface CheckReport {
  /** Problems that exist now. */
  readonly problems: readonly string[]
  /** Earlier damage that no operator has acknowledged. */
  readonly damages: readonly Damage[]
  /** Number of blocks and readings that were read. */
  readonly blocks: number
  readonly readings: number
}

/**
 * Checks everything in a store; the edge may be running: the pages of the file, every block, whether blocks match their
 * summaries and seals, and whether the ledger balances. It changes nothing.
 *
 * SQLite's own check and the check of the ledger each see the store at one moment: the WAL of a running edge grows
 * until they end. Blocks are read in short transactions; a block that a running edge merges or removes meanwhile is
 * checked in its new state.
 * @param onPage is called after every few blocks, with the progress from 0 to 1.
 * @throws OperatorError when there is no store, or one of another version.
 */
export function checkStore(folder: string, onPage: (share: number) => void = () => undefined): CheckReport {
  let database: Database
  try {
    database = openReadOnly(folder)
  } catch (failure) {
    if (!(failure instanceof OperatorError) || !isDamage(failure.cause)) throw failure
    return { problems: [failure.message], damages: [], blocks: 0, readings: 0 }
  }
  let check: Check | undefined
  try {
    check = new Check(database)
    check.pages()
    check.seals(onPage)
    check.ledger()
    return { ...check.found, damages: openDamages(folder, readDamages(database)) }
  } catch (failure) {
    if (!isDamage(failure)) throw failure
    const found = check?.found ?? { problems: [], blocks: 0, readings: 0 }
    return { ...found, problems: [...found.problems, messageOf(failure)], damages: [] }
  } finally {
    database.close()
  }
}

class Check {
  readonly #database: Database
  readonly #blocks: BlockTable
  readonly #problems: string[] = []
  #blockCount = 0
  #readings = 0

  constructor(database: Database) {
    this.#database = database
    this.#blocks = new BlockTable(database)
  }

  get found(): Omit<CheckReport, 'damages'> {
    return { problems: this.#problems, blocks: this.#blockCount, readings: this.#readings }
  }

  report(problem: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem)
  }

  pages(): void {
    const rows = this.#database.pragma('integrity_check') as { integrity_check: string }[]
    for (const { integrity_check: said } of rows) if (said !== 'ok') this.report(said.replaceAll('\n', ' '))
  }

  seals(onPage: (share: number) => void): void {
    const columns = 'id, parts, first, last, readings, blocks'
    const next = this.#database.prepare(`SELECT ${columns} FROM seals WHERE last >= ? ORDER BY first LIMIT 1`)
    const again = this.#database.prepare(`SELECT ${columns} FROM seals WHERE id = ?`)
    const sealedUpTo = readSealedUpTo(this.#database)
    this.#disjoint(sealedUpTo)
    for (let from = 1; ; ) {
      const seal = next.get(from) as Stretch | undefined
      if (seal === undefined) return
      const found = this.#seal(seal, () => onPage(Math.min(1, seal.last / sealedUpTo)))
      // A seal that was merged or removed meanwhile is skipped: the seal that replaced it comes next.
      if (JSON.stringify(again.get(seal.id)) !== JSON.stringify(seal)) continue
      for (const problem of found.problems) this.report(problem)
      this.#blockCount += found.blocks
      this.#readings += found.readings
      from = seal.last + 1
    }
  }

  #disjoint(sealedUpTo: number): void {
    let before: Seal | undefined
    for (const seal of readSeals(this.#database)) {
      if (before !== undefined && seal.first <= before.last) {
        this.report(`seals ${before.id} and ${seal.id} both have the positions from ${seal.first} on`)
      }
      before = seal
    }
    if (before !== undefined && before.last > sealedUpTo) {
      this.report(`seal ${before.id} ends at ${before.last}, but only ${sealedUpTo} positions are sealed`)
    }
  }

  #seal(seal: Stretch, onPage: () => void): { problems: string[]; blocks: number; readings: number } {
    const problems: string[] = []
    const seen = new Uint8Array(Math.ceil((seal.last - seal.first + 1) / 8))
    const ids = idsOf(seal)
    let [blocks, readings] = [0, 0]
    for (let next = ids.first; ; ) {
      const page = this.#blocks.page(next, ids.last, PAGE_BLOCKS)
      for (const block of page) {
        problems.push(...this.#block(block, seal, seen))
        blocks++
        readings += block.readings
      }
      onPage()
      if (page.length < PAGE_BLOCKS) break
      next = page.at(-1)!.id + 1
    }
    if (blocks !== seal.blocks || readings !== seal.readings) {
      const said = `${seal.readings} readings in ${seal.blocks} blocks`
      problems.push(`seal ${seal.id} should have ${said}, and has ${readings} in ${blocks}`)
    }
    return { problems, blocks, readings }
  }

  #block(block: Block, { id: seal, first, last }: Stretch, seen: Uint8Array): string[] {
    try {
      const columns = unpack(block)
      const { seq } = columns
      const what = `block ${block.id} of seal ${seal}`
      const errors = summaryErrors(block, columns)
      if (errors.length > 0) return [`${what} has the summary of other readings: ${errors.join(', ')}`]
      if (seq[0]! < first || seq.at(-1)! > last) return [`${what} has positions outside its seal`]
      let twice = 0
      for (const one of seq) {
        const [at, bit] = [(one - first) >> 3, 1 << ((one - first) & 7)]
        if ((seen[at]! & bit) !== 0) twice++
        seen[at]! |= bit
      }
      return twice === 0 ? [] : [`${what} has ${twice} positions that other blocks have too`]
    } catch (failure) {
      if (failure instanceof DamagedBlock) return [failure.message]
      throw failure
    }
  }

  /**
   * The check opens blocks that an uplink has partly delivered; a block that cannot be opened has been reported
   * already.
   */
  ledger(): void {
    try {
      for (const { device, problems } of new StoreReader(this.#database).ledger()) {
        for (const problem of problems) this.report(`${device}: ${problem}`)
      }
    } catch (failure) {
      if (!(failure instanceof DamagedBlock)) throw failure
      this.report('the ledger cannot be checked because a block cannot be opened')
    }
  }
}
