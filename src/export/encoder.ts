import type { StoredReading } from '../base/reading.ts'

/** Makes one file of readings, a page at a time; holds no more than its format needs before bytes can leave. */
export interface Encoder {
  /** The file should take no further page: what has to be held until its end has reached its bound. */
  readonly isFull: boolean
  /** The bytes that are ready after these readings, or none yet. */
  encode(readings: readonly StoredReading[]): Iterable<Uint8Array>
  /** The last bytes. Without any readings they make an empty, valid file. */
  end(): Iterable<Uint8Array>
}
