import type { Database } from 'better-sqlite3'
import { type Row, TreePage } from './btree-page.ts'
import { isHeader, PageFile } from './page-file.ts'
import { Unreadable } from './record.ts'
import { areAlike, fits, SCHEMA, shapesOf, type TableShape } from './table-shapes.ts'

/** More levels than any tree has in a file that fits on a disk. */
const DEPTH_MAX = 20
/** Offset in the file's header of the first page of the free list. */
const FREE_LIST_OFFSET = 32

/** The pages found for one table. */
interface Found {
  readonly shape: TableShape
  /** In the order of the tree, followed by pages that no tree leads to. */
  readonly pages: number[]
  /** Number of pages and rows of its tree that cannot be read; the number of rows lost with them is unknown. */
  gaps: number
}

export interface DatabaseReaderOptions {
  /** Tables whose rows have a checksum. */
  readonly checkedByRow: readonly string[]
  /**
   * Tables in which an old version of a row does more harm than a lost row: only pages that their trees lead to are
   * used.
   */
  readonly treeOnly: readonly string[]
}

/**
 * Reads a damaged database. Every tree is followed from its root. If a page of a tree cannot be read, pages that no
 * tree leads to are assumed to have been below it if all their rows fit that table and no other. A page with an
 * unreadable row is not trusted at all, unless each row of the table has a checksum: then the rows with a valid
 * checksum are used.
 */
export class DatabaseReader {
  readonly #file: PageFile
  readonly #claimed: Uint8Array
  readonly #found = new Map<string, Found>()
  /** Pages without a tree whose rows fit several tables. */
  readonly #doubtful = new Map<string, number[]>()
  readonly #checkedByRow: ReadonlySet<string>
  readonly #treeOnly: ReadonlySet<string>

  /**
   * @param like a new database; its tables are searched for.
   * @throws what the file system throws when there is no such file.
   */
  constructor(path: string, like: Database, { checkedByRow, treeOnly }: DatabaseReaderOptions) {
    this.#file = new PageFile(path)
    this.#claimed = new Uint8Array(this.#file.pageCount + 1)
    this.#checkedByRow = new Set(checkedByRow)
    this.#treeOnly = new Set(treeOnly)
    for (const shape of [SCHEMA, ...shapesOf(like)]) this.#found.set(shape.name, { shape, pages: [], gaps: 0 })
    this.#claimFreePages()
    this.#walk(SCHEMA.name, 1)
    if (this.gaps(SCHEMA.name) > 0) this.#findStrays([SCHEMA.name])
    this.#walkAll(rootsIn(like))
    this.#findStrays([...this.#found.values()].filter(({ gaps }) => gaps > 0).map(({ shape }) => shape.name))
  }

  close(): void {
    this.#file.close()
  }

  /** Number of places in a table that could not be read; 0: it is complete. */
  gaps(table: string): number {
    return this.#found.get(table)?.gaps ?? 0
  }

  /** All readable rows of a table; if SQLite moved a row, possibly several versions of it. */
  *rows(table: string): Generator<Row> {
    for (const number of this.#found.get(table)?.pages ?? []) yield* this.#rowsOn(table, number)
  }

  /** Rows that may belong to this table or to another one, page by page. */
  *doubtfulPages(table: string): Generator<readonly Row[]> {
    for (const number of this.#doubtful.get(table) ?? []) yield [...this.#rowsOn(table, number)]
  }

  *#rowsOn(table: string, number: number): Generator<Row> {
    const page = TreePage.read(this.#file, number)
    const { shape } = this.#found.get(table)!
    for (let i = 0; i < (page?.rowCount ?? 0); i++) {
      const row = readRow(this.#file, page!, i)
      if (row !== undefined && fits(shape, row)) yield row
    }
  }

  /** @param expected roots in a new database, for tables whose own root is unknown. */
  #walkAll(expected: ReadonlyMap<string, number>): void {
    const roots = new Map<string, number>()
    for (const { fields } of this.rows(SCHEMA.name)) roots.set(fields[1] as string, Number(fields[3]))
    const taken = new Set(roots.values())
    for (const found of this.#found.values()) {
      const { name } = found.shape
      if (name === SCHEMA.name) continue
      const guess = expected.get(name)
      const root = roots.get(name) ?? (guess !== undefined && !taken.has(guess) ? guess : undefined)
      if (root === undefined) found.gaps++
      else this.#walk(name, root)
    }
  }

  /** Finds the pages of a tree. Pages that do not belong to this table are left for others. */
  #walk(table: string, root: number): void {
    const found = this.#found.get(table)!
    const visit = (number: number, depth: number): void => {
      const page = this.#claimed[number] === 0 ? TreePage.read(this.#file, number) : undefined
      const kind = page === undefined || depth > DEPTH_MAX ? 'foreign' : kindOf(page, this.#rowsOf(page), found.shape)
      if (page === undefined || kind === 'foreign') {
        found.gaps++
        return
      }
      this.#claimed[number] = 1
      if (kind === 'damaged') found.gaps++
      if (kind === 'whole' || this.#checkedByRow.has(table)) found.pages.push(number)
      for (const child of page.children) visit(child, depth + 1)
    }
    visit(root, 0)
  }

  /** All rows of a page; undefined for rows that cannot be read. */
  #rowsOf(page: TreePage): (Row | undefined)[] {
    return Array.from({ length: page.rowCount }, (_, i) => readRow(this.#file, page, i))
  }

  /** Searches all pages that no tree leads to for rows of these tables. */
  #findStrays(tables: readonly string[]): void {
    if (tables.length === 0) return
    const shapes = [...this.#found.values()].map(({ shape }) => shape).filter(({ name }) => !this.#treeOnly.has(name))
    for (let number = 2; number <= this.#file.pageCount; number++) {
      if (this.#claimed[number] === 1) continue
      const page = TreePage.read(this.#file, number)
      if (page === undefined || !page.isLeaf || page.rowCount === 0) continue
      const rows = this.#rowsOf(page)
      const fitting = shapes.filter((shape) => this.#isOf(page, rows, shape))
      if (fitting.some(({ name }) => tables.includes(name))) this.#adopt(number, fitting)
    }
  }

  /**
   * Assigns a page to the one table that it fits, or to any of several tables with the same columns, because these are
   * read as one.
   */
  #adopt(number: number, fitting: readonly TableShape[]): void {
    const [first, ...others] = fitting
    if (others.every((other) => areAlike(first!, other))) {
      this.#claimed[number] = 1
      this.#found.get(first!.name)!.pages.push(number)
    } else {
      for (const { name } of fitting) this.#doubtful.set(name, [...(this.#doubtful.get(name) ?? []), number])
    }
  }

  #isOf(page: TreePage, rows: readonly (Row | undefined)[], shape: TableShape): boolean {
    const kind = kindOf(page, rows, shape)
    return kind === 'whole' || (kind === 'damaged' && this.#checkedByRow.has(shape.name))
  }

  /** Rows on free pages were removed, and must not come back. */
  #claimFreePages(): void {
    const header = this.#file.page(1)
    if (header === undefined || !isHeader(header)) return
    let trunk = header.readUInt32BE(FREE_LIST_OFFSET)
    while (trunk > 0 && trunk < this.#claimed.length && this.#claimed[trunk] === 0) {
      const page = this.#file.page(trunk)
      if (page === undefined) return
      this.#claimed[trunk] = 1
      const count = Math.min(page.readUInt32BE(4), page.length / 4 - 2)
      for (let i = 0; i < count; i++) {
        const leaf = page.readUInt32BE(8 + 4 * i)
        if (leaf < this.#claimed.length) this.#claimed[leaf] = 1
      }
      trunk = page.readUInt32BE(0)
    }
  }
}

/** Whether all rows of a page belong to a table (`whole`), only some do (`damaged`), or none (`foreign`). */
function kindOf(
  page: TreePage,
  rows: readonly (Row | undefined)[],
  shape: TableShape,
): 'whole' | 'damaged' | 'foreign' {
  if (page.keyed !== shape.keyed) return 'foreign'
  const good = rows.reduce((count, row) => count + Number(row !== undefined && fits(shape, row)), 0)
  if (good === rows.length) return 'whole'
  return good === 0 ? 'foreign' : 'damaged'
}

function readRow(file: PageFile, page: TreePage, index: number): Row | undefined {
  try {
    return page.row(file, index)
  } catch (failure) {
    if (failure instanceof Unreadable) return undefined
    throw failure
  }
}

function rootsIn(database: Database): Map<string, number> {
  const rows = database.prepare('SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0').raw().all()
  return new Map(rows as [string, number][])
}
