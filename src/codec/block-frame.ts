import { crc32 } from 'node:zlib'
import { Malformed } from './malformed.ts'
import { compress, decompress } from './zstd.ts'

/**
 * A small block (bytes) that zstd makes hardly smaller lies as it is: to set up zstd for it takes as long as all else that opening
 * it does. Large ones are those that stay for years.
 */
const SMALL_BYTES = 2_048
const WORTH_PACKING = 0.8
const ZSTD_MAGIC = 0xfd2f_b528
const CHECKSUM_BYTES = 4

/**
 * A CBOR item as it lies on the disk: in a zstd frame, or as it is with its CRC-32 (ISO 3309, big endian) behind it. Either has a
 * checksum: a flipped bit is found. The first bytes tell which it is, for no array in CBOR begins like a zstd frame.
 */
export function frame(item: Uint8Array): Uint8Array {
  const packed = compress(item)
  if (item.length > SMALL_BYTES || packed.length < item.length * WORTH_PACKING) return packed
  const plain = new Uint8Array(item.length + CHECKSUM_BYTES)
  plain.set(item)
  viewOf(plain).setUint32(item.length, crc32(item))
  return plain
}

/** Opens what `frame` made; takes memory for `bytesMax` at most. @throws Malformed */
export function unframe(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const size = bytes.length - CHECKSUM_BYTES
  if (size < 0) throw new Malformed('cut short')
  const view = viewOf(bytes)
  if (view.getUint32(0, true) === ZSTD_MAGIC) return decompress(bytes, bytesMax)
  const item = bytes.subarray(0, size)
  if (crc32(item) !== view.getUint32(size)) throw new Malformed('the checksum does not fit')
  return item
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
