import { readSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** Magic number of both kinds; the last bit gives the byte order of the checksum. */
const MAGIC = 0x377f0682

interface Checksum {
  a: number
  b: number
}

export interface WalFrames {
  /** Offset in the WAL file of the newest committed version of each page. */
  readonly offsetOf: ReadonlyMap<number, number>
  /** Number of pages of the database after the last commit; undefined: there is no commit. */
  readonly pageCount: number | undefined
}

/**
 * The committed frames of a WAL, as SQLite itself would apply them: up to the last commit before the first frame with a
 * wrong checksum. (https://sqlite.org/walformat.html)
 */
export function readWalFrames(file: number, pageBytes: number): WalFrames {
  const none: WalFrames = { offsetOf: new Map(), pageCount: undefined }
  const header = Buffer.alloc(HEADER_BYTES)
  if (!readFully(file, header, 0)) return none
  if ((header.readUInt32BE(0) & ~1) >>> 0 !== MAGIC || header.readUInt32BE(8) !== pageBytes) return none
  const littleEndian = (header.readUInt32BE(0) & 1) === 0
  const sum: Checksum = { a: 0, b: 0 }
  addChecksum(sum, header.subarray(0, 24), littleEndian)
  if (!isSum(sum, header, 24)) return none
  const salts = header.subarray(16, 24)

  const offsetOf = new Map<number, number>()
  const open = new Map<number, number>()
  let pageCount: number | undefined
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes)
  for (let at = HEADER_BYTES; readFully(file, frame, at); at += frame.length) {
    if (!frame.subarray(8, 16).equals(salts)) break
    addChecksum(sum, frame.subarray(0, 8), littleEndian)
    addChecksum(sum, frame.subarray(FRAME_HEADER_BYTES), littleEndian)
    if (!isSum(sum, frame, 16)) break
    open.set(frame.readUInt32BE(0), at + FRAME_HEADER_BYTES)
    const committed = frame.readUInt32BE(4)
    if (committed === 0) continue
    for (const [page, offset] of open) offsetOf.set(page, offset)
    open.clear()
    pageCount = committed
  }
  return { offsetOf, pageCount }
}

/** Fills the buffer from this offset. @returns whether all bytes could be read; a read error counts as no data. */
export function readFully(file: number, into: Buffer, offset: number): boolean {
  try {
    return readSync(file, into, 0, into.length, offset) === into.length
  } catch {
    return false
  }
}

function addChecksum(sum: Checksum, bytes: Buffer, littleEndian: boolean): void {
  let { a, b } = sum
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + view.getUint32(at, littleEndian) + b) >>> 0
    b = (b + view.getUint32(at + 4, littleEndian) + a) >>> 0
  }
  sum.a = a
  sum.b = b
}

function isSum({ a, b }: Checksum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b
}
