import type { StoredReading } from '../base/reading.ts'

/** Encodes readings as one file, page by page; buffers no more than its format requires. */
export interface Encoder {
  /** True: add no further page. What must be held in memory until the end of the file has reached its limit. */
  readonly isFull: boolean
  /** Adds readings; returns the bytes that are ready, possibly none. */
  encode(readings: readonly StoredReading[]): Iterable<Uint8Array>
  /** The last bytes. Without any readings the file is empty and valid. */
  end(): Iterable<Uint8Array>
}
