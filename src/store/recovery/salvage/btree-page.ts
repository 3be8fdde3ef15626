import { FILE_HEADER_BYTES, PAGE_BYTES, type PageFile } from './page-file.ts'
import { type Field, readRecord, Unreadable, varint } from './record.ts'

const INTERIOR_KEYED = 2
const INTERIOR_TABLE = 5
const LEAF_KEYED = 10
const LEAF_TABLE = 13

/** Payload beyond this size is stored on overflow pages: for tables, and for trees by key. */
const LOCAL_MAX = { table: PAGE_BYTES - 35, keyed: Math.floor(((PAGE_BYTES - 12) * 64) / 255) - 23 }
const LOCAL_MIN = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23
const CHAIN_BYTES = PAGE_BYTES - 4

export interface Row {
  /** Undefined in a tree by key. */
  readonly rowId: number | undefined
  readonly fields: readonly Field[]
}

/** One page of a b-tree (https://sqlite.org/fileformat.html#b_tree_pages), read without trusting its contents. */
export class TreePage {
  readonly keyed: boolean
  readonly isLeaf: boolean
  readonly #bytes: Buffer
  readonly #cells: readonly number[]
  readonly #right: number | undefined

  private constructor(bytes: Buffer, type: number, layout: { cells: readonly number[]; right: number | undefined }) {
    this.keyed = type === INTERIOR_KEYED || type === LEAF_KEYED
    this.isLeaf = type === LEAF_KEYED || type === LEAF_TABLE
    this.#bytes = bytes
    this.#cells = layout.cells
    this.#right = layout.right
  }

  /** Undefined: this page is not a b-tree page. */
  static read(file: PageFile, number: number): TreePage | undefined {
    const bytes = file.page(number)
    if (bytes === undefined) return undefined
    const start = number === 1 ? FILE_HEADER_BYTES : 0
    const type = bytes[start]!
    const interior = type === INTERIOR_KEYED || type === INTERIOR_TABLE
    if (!interior && type !== LEAF_KEYED && type !== LEAF_TABLE) return undefined
    const first = start + (interior ? 12 : 8)
    const count = bytes.readUInt16BE(start + 3)
    const end = first + 2 * count
    if (end > PAGE_BYTES) return undefined
    const cells = Array.from({ length: count }, (_, i) => bytes.readUInt16BE(first + 2 * i))
    if (cells.some((at) => at < end || at >= PAGE_BYTES)) return undefined
    return new TreePage(bytes, type, { cells, right: interior ? bytes.readUInt32BE(start + 8) : undefined })
  }

  /** The pages below this one, from left to right. */
  get children(): readonly number[] {
    if (this.#right === undefined) return []
    const left = this.#cells.filter((at) => at + 4 <= PAGE_BYTES).map((at) => this.#bytes.readUInt32BE(at))
    return [...left, this.#right]
  }

  /** Number of rows: rows are in the leaves, and in a tree by key also in the interior pages. */
  get rowCount(): number {
    return this.isLeaf || this.keyed ? this.#cells.length : 0
  }

  /** @throws Unreadable */
  row(file: PageFile, index: number): Row {
    let at = this.#cells[index]!
    if (!this.isLeaf) at += 4
    const size = varint(this.#bytes, at)
    const rowId = this.keyed ? undefined : varint(this.#bytes, size.end)
    const payload = this.#payload(file, rowId?.end ?? size.end, size.value)
    return { rowId: rowId?.value, fields: readRecord(payload) }
  }

  #payload(file: PageFile, at: number, size: number): Buffer {
    const localMax = this.keyed ? LOCAL_MAX.keyed : LOCAL_MAX.table
    if (size <= localMax) {
      if (at + size > PAGE_BYTES) throw new Unreadable('a row is longer than its page')
      return this.#bytes.subarray(at, at + size)
    }
    const share = LOCAL_MIN + ((size - LOCAL_MIN) % CHAIN_BYTES)
    const local = share <= localMax ? share : LOCAL_MIN
    if (at + local + 4 > PAGE_BYTES) throw new Unreadable('a row is longer than its page')
    if (size / CHAIN_BYTES > file.pageCount) throw new Unreadable('a row is longer than its file')
    const payload = Buffer.alloc(size)
    this.#bytes.copy(payload, 0, at, at + local)
    let next = this.#bytes.readUInt32BE(at + local)
    for (let filled = local; filled < size; filled += CHAIN_BYTES) {
      const page = file.page(next)
      if (page === undefined) throw new Unreadable('a part of a row is missing')
      page.copy(payload, filled, 4)
      next = page.readUInt32BE(0)
    }
    if (next !== 0) throw new Unreadable('a row continues after its end')
    return payload
  }
}
