import { crc32 } from 'node:zlib'
import { Malformed } from './malformed.ts'
import { compress, decompress } from './zstd.ts'

/**
 * Blocks up to this size (bytes) are stored without zstd when zstd saves little: setting up the decompressor takes as
 * long as all other work of opening them. Larger blocks are always compressed; these are kept for years.
 */
const SMALL_BYTES = 2_048
const WORTH_PACKING = 0.8
const ZSTD_MAGIC = 0xfd2f_b528
const CHECKSUM_BYTES = 4

/**
 * Frames a CBOR item for the disk: as a zstd frame, or plain with its CRC-32 (ISO 3309, big endian) appended. Both
 * carry a checksum, so a flipped bit is detected. The first bytes identify the form, because no CBOR array begins like
 * a zstd frame.
 */
export function frame(item: Uint8Array): Uint8Array {
  const packed = compress(item)
  if (item.length > SMALL_BYTES || packed.length < item.length * WORTH_PACKING) return packed
  const plain = new Uint8Array(item.length + CHECKSUM_BYTES)
  plain.set(item)
  viewOf(plain).setUint32(item.length, crc32(item))
  return plain
}

/** Reads the output of `frame`; allocates at most `bytesMax` bytes. @throws Malformed */
export function unframe(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const size = bytes.length - CHECKSUM_BYTES
  if (size < 0) throw new Malformed('cut short')
  const view = viewOf(bytes)
  if (view.getUint32(0, true) === ZSTD_MAGIC) return decompress(bytes, bytesMax)
  const item = bytes.subarray(0, size)
  if (crc32(item) !== view.getUint32(size)) throw new Malformed('the checksum does not match')
  return item
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
