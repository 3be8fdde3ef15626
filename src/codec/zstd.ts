import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { codeOf, messageOf } from '../base/errors.ts'
import { Malformed } from './malformed.ts'

const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_d_windowLogMax } = constants

/** Measured, see docs/wire-format.md. */
const LEVEL = 3
/** What zstd itself uses at its usual levels when it does not know the size beforehand. */
const WINDOW_LOG_MIN = 21
const WINDOW_LOG_MAX = 27

/**
 * Node allocates the output in chunks, of 16 KiB unless it is told. A block takes some hundred bytes, and its garbage collector
 * looks at bytes outside of the heap too; a batch takes a hundred thousand.
 */
const CHUNK_BYTES = { min: 1_024, max: 262_144 }

/** One zstd frame (RFC 8878) with a checksum: a flipped bit is found, and not taken for another reading. */
export function compress(bytes: Uint8Array): Uint8Array {
  const params = { [ZSTD_c_compressionLevel]: LEVEL, [ZSTD_c_checksumFlag]: 1 }
  const packed = zstdCompressSync(bytes, { chunkSize: chunkFor(bytes.length), params })
  // What is kept, or goes to another thread, takes its whole chunk along.
  return packed.length < packed.buffer.byteLength ? new Uint8Array(packed) : packed
}

/** Opens one frame that nobody vouches for; takes memory for `bytesMax` at most. @throws Malformed */
export function decompress(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const windowLog = Math.min(WINDOW_LOG_MAX, Math.max(WINDOW_LOG_MIN, Math.ceil(Math.log2(bytesMax))))
  try {
    const params = { [ZSTD_d_windowLogMax]: windowLog }
    return zstdDecompressSync(bytes, { chunkSize: chunkFor(bytes.length * 2), maxOutputLength: bytesMax, params })
  } catch (failure) {
    if (codeOf(failure) === 'ERR_BUFFER_TOO_LARGE') throw new Malformed(`unpacks to more than ${bytesMax} bytes`)
    throw new Malformed(`not a zstd frame: ${messageOf(failure)}`)
  }
}

function chunkFor(bytes: number): number {
  return Math.min(CHUNK_BYTES.max, Math.max(CHUNK_BYTES.min, bytes))
}
