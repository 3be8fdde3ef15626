import { isUtf8 } from 'node:buffer'
import { Major, Simple } from './cbor-writer.ts'

/** The bytes are not what the format promises. Stays inside the codec: callers get `{ ok: false, reason }`. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

const INT_MAX = Number.MAX_SAFE_INTEGER
const TWO_32 = 2 ** 32

/**
 * Reads the part of CBOR that `CborWriter` writes, from bytes that nobody vouches for. Every length is checked against
 * the bytes that are left before anything is allocated, nothing is recursive, and there are no tags, so the cost is
 * linear in the number of bytes. Whatever else comes throws `Malformed`.
 */
export class CborReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new Malformed('bytes after the end')
  }

  /** The argument of an item of this major type. */
  #head(major: Major, what: string): number {
    const initial = this.#byte()
    if ((initial & 0xe0) !== major) throw new Malformed(`${what} expected`)
    return this.#argument(initial & 0x1f)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new Malformed('cut short')
    return byte
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info === 24) return this.#byte()
    if (info === 25) return this.#byte() * 0x100 + this.#byte()
    if (info === 26) return this.#uint32()
    if (info !== 27) throw new Malformed('indefinite length or reserved form')
    const argument = this.#uint32() * TWO_32 + this.#uint32()
    if (argument > INT_MAX) throw new Malformed('number beyond 2^53')
    return argument
  }

  #uint32(): number {
    const at = this.#at
    if (at + 4 > this.#bytes.length) throw new Malformed('cut short')
    this.#at = at + 4
    return this.#bytes.readUInt32BE(at)
  }

  /** The number of items of an array, each of which takes at least one byte. */
  array(what: string): number {
    const length = this.#head(Major.ARRAY, what)
    if (length > this.#bytes.length - this.#at) throw new Malformed(`${what} longer than its bytes`)
    return length
  }

  /** An array that must have `length` items. */
  arrayOf(length: number, what: string): void {
    if (this.array(what) !== length) throw new Malformed(`${what} does not have ${length} items`)
  }

  int(what: string): number {
    const initial = this.#byte()
    const major = initial & 0xe0
    if (major > Major.NEGATIVE) throw new Malformed(`${what} expected`)
    const argument = initial < 0x18 ? initial : this.#argument(initial & 0x1f)
    return major === Major.UINT ? argument : -1 - argument
  }

  uint(what: string): number {
    return this.#head(Major.UINT, what)
  }

  /** An array of whole numbers. */
  ints(what: string): Float64Array {
    const values = new Float64Array(this.array(what))
    for (let i = 0; i < values.length; i++) values[i] = this.int(what)
    return values
  }

  text(what: string): string {
    return this.#textOf(this.#head(Major.TEXT, what), what)
  }

  textOrNull(what: string): string | null {
    if (this.#bytes[this.#at] !== Simple.NULL) return this.text(what)
    this.#at++
    return null
  }

  /** A copy, so that a kept value does not keep a whole batch. */
  byteString(what: string): Uint8Array {
    return this.#bytesOf(this.#head(Major.BYTES, what), what)
  }

  /** Text, bytes, true, false or null. */
  scalar(what: string): string | Uint8Array | boolean | null {
    const initial = this.#byte()
    if (initial === Simple.NULL) return null
    if (initial === Simple.TRUE || initial === Simple.FALSE) return initial === Simple.TRUE
    const major = initial & 0xe0
    if (major === Major.TEXT) return this.#textOf(this.#argument(initial & 0x1f), what)
    if (major === Major.BYTES) return this.#bytesOf(this.#argument(initial & 0x1f), what)
    throw new Malformed(`${what} expected`)
  }

  #take(length: number, what: string): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw new Malformed(`${what} longer than its bytes`)
    this.#at = start + length
    return start
  }

  #textOf(length: number, what: string): string {
    const start = this.#take(length, what)
    if (!isUtf8(this.#bytes.subarray(start, this.#at))) throw new Malformed(`${what} is not UTF-8`)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  #bytesOf(length: number, what: string): Uint8Array {
    const start = this.#take(length, what)
    return new Uint8Array(this.#bytes.subarray(start, this.#at))
  }
}
