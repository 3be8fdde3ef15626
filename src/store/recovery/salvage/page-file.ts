import { closeSync, fstatSync, openSync } from 'node:fs'
import { codeOf } from '../../../base/errors.ts'
import { readFully, readWalFrames, type WalFrames } from './wal-frames.ts'

export const PAGE_BYTES = 4_096
/** Size of the file header, before the tree of the first page. */
export const FILE_HEADER_BYTES = 100
const MAGIC = Buffer.from('SQLite format 3\0')

/** Whether the first page begins like that of a SQLite database. */
export function isHeader(page: Buffer): boolean {
  return page.subarray(0, MAGIC.length).equals(MAGIC)
}

/**
 * The pages of a database file that SQLite cannot read any more, as of the last commit: those of the file, overlaid by
 * those of its WAL. Opened read-only and without SQLite, so that the file does not change.
 */
export class PageFile {
  readonly #file: number
  readonly #wal: number | undefined
  readonly #frames: WalFrames
  /** Pages are numbered from 1 up to this one. */
  readonly pageCount: number

  /** @throws what the file system throws when there is no such file. */
  constructor(path: string) {
    this.#file = openSync(path, 'r')
    this.#wal = openIfThere(`${path}-wal`)
    this.#frames =
      this.#wal === undefined ? { offsetOf: new Map(), pageCount: undefined } : readWalFrames(this.#wal, PAGE_BYTES)
    const inFile = Math.floor(fstatSync(this.#file).size / PAGE_BYTES)
    this.pageCount = this.#frames.pageCount ?? inFile
  }

  /** A copy of a page; undefined: the file ends before it, or the disk cannot read it. */
  page(number: number): Buffer | undefined {
    if (number < 1 || number > this.pageCount) return undefined
    const page = Buffer.alloc(PAGE_BYTES)
    const offset = this.#frames.offsetOf.get(number)
    const there =
      offset === undefined
        ? readFully(this.#file, page, (number - 1) * PAGE_BYTES)
        : readFully(this.#wal!, page, offset)
    return there ? page : undefined
  }

  close(): void {
    closeSync(this.#file)
    if (this.#wal !== undefined) closeSync(this.#wal)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (failure) {
    if (codeOf(failure) === 'ENOENT') return undefined
    throw failure
  }
}
