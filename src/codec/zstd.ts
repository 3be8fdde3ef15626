import { constants, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { codeOf, messageOf } from '../base/errors.ts'
import { Malformed } from './malformed.ts'

const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_d_windowLogMax } = constants

/** Chosen by measurement, see docs/wire-format.md. */
const LEVEL = 3
/** The window that zstd uses at its usual levels when it does not know the size beforehand. */
const WINDOW_LOG_MIN = 21
const WINDOW_LOG_MAX = 27

/**
 * Sizes of the output chunks that Node allocates; its default is 16 KiB. A block takes some hundred bytes, a batch a
 * hundred thousand, and the garbage collector also counts bytes outside the heap.
 */
const CHUNK_BYTES = { min: 1_024, max: 262_144 }

/**
 * Compresses to one zstd frame (RFC 8878) with a checksum, so that a flipped bit is detected and never read as another
 * value.
 */
export function compress(bytes: Uint8Array): Uint8Array {
  const params = { [ZSTD_c_compressionLevel]: LEVEL, [ZSTD_c_checksumFlag]: 1 }
  const packed = zstdCompressSync(bytes, { chunkSize: chunkFor(bytes.length), params })
  // The result must not keep its whole chunk alive, or carry it to another thread.
  return packed.length < packed.buffer.byteLength ? new Uint8Array(packed) : packed
}

/** Decompresses one frame from an untrusted source; allocates at most `bytesMax` bytes. @throws Malformed */
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

/**
 * The beginning of one frame from an untrusted source, at most `bytesMax` bytes; it is decompressed on another thread. The
 * checksum is verified only if the frame ends before. Undefined: it is not a zstd frame, or damaged.
 */
export async function decompressBegin(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array | undefined> {
  const stream = createZstdDecompress({ params: { [ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } })
  stream.end(bytes)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= bytesMax) break
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).subarray(0, bytesMax)
}

function chunkFor(bytes: number): number {
  return Math.min(CHUNK_BYTES.max, Math.max(CHUNK_BYTES.min, bytes))
}
