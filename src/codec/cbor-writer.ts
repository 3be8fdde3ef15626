/** Major types of RFC 8949 §3.1, already in the place that they have in an initial byte. */
export const Major = { UINT: 0x00, NEGATIVE: 0x20, BYTES: 0x40, TEXT: 0x60, ARRAY: 0x80 } as const
export type Major = (typeof Major)[keyof typeof Major]

/** Initial bytes of the simple values (RFC 8949 §3.3). */
export const Simple = { FALSE: 0xf4, TRUE: 0xf5, NULL: 0xf6 } as const

const HEAD_BYTES_MAX = 9
const UTF8_BYTES_PER_UNIT_MAX = 3
const START_BYTES = 65_536
const TWO_32 = 2 ** 32

/**
 * Writes the part of CBOR that the formats need, straight from typed columns into one buffer that is used again:
 * integers, text, bytes, arrays, true, false and null; definite lengths and shortest forms only, so equal content is
 * equal bytes (RFC 8949 §4.2.1).
 */
export class CborWriter {
  #bytes = Buffer.allocUnsafeSlow(START_BYTES)
  #end = 0

  /** What was written since `clear`: a view that the next write makes void. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  clear(): void {
    this.#end = 0
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  /** Initial byte and argument; room must have been reserved. `argument` is a whole number from 0 to 2^53. */
  #head(major: Major, argument: number): void {
    const bytes = this.#bytes
    let at = this.#end
    if (argument < 24) {
      bytes[at++] = major | argument
    } else if (argument < 0x100) {
      bytes[at++] = major | 24
      bytes[at++] = argument
    } else if (argument < 0x10000) {
      bytes[at++] = major | 25
      bytes[at++] = argument >>> 8
      bytes[at++] = argument
    } else if (argument < TWO_32) {
      bytes[at++] = major | 26
      at = writeUint32(bytes, argument, at)
    } else {
      bytes[at++] = major | 27
      at = writeUint32(bytes, Math.floor(argument / TWO_32), at)
      at = writeUint32(bytes, argument, at)
    }
    this.#end = at
  }

  array(length: number): void {
    this.#reserve(HEAD_BYTES_MAX)
    this.#head(Major.ARRAY, length)
  }

  /** A whole number, at most 2^53 away from 0. */
  int(value: number): void {
    this.#reserve(HEAD_BYTES_MAX)
    if (value < 0) this.#head(Major.NEGATIVE, -1 - value)
    else this.#head(Major.UINT, value)
  }

  /** An array of whole numbers: the first `length` of `values`. */
  ints(values: ArrayLike<number>, length = values.length): void {
    this.#reserve(HEAD_BYTES_MAX * (length + 1))
    this.#head(Major.ARRAY, length)
    for (let i = 0; i < length; i++) {
      const value = values[i]!
      if (value < 0) this.#head(Major.NEGATIVE, -1 - value)
      else this.#head(Major.UINT, value)
    }
  }

  /** Text; a lone surrogate, which UTF-8 cannot say, becomes U+FFFD. */
  text(value: string): void {
    const bytesMax = value.length * UTF8_BYTES_PER_UNIT_MAX
    this.#reserve(HEAD_BYTES_MAX + bytesMax)
    this.#head(Major.TEXT, bytesMax < 24 ? 0 : Buffer.byteLength(value))
    const start = this.#end
    this.#end += this.#bytes.write(value, start)
    if (bytesMax < 24) this.#bytes[start - 1] = Major.TEXT | (this.#end - start)
  }

  byteString(value: Uint8Array): void {
    this.#reserve(HEAD_BYTES_MAX + value.length)
    this.#head(Major.BYTES, value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
  }

  boolean(value: boolean): void {
    this.#simple(value ? Simple.TRUE : Simple.FALSE)
  }

  null(): void {
    this.#simple(Simple.NULL)
  }

  #simple(initialByte: number): void {
    this.#reserve(1)
    this.#bytes[this.#end++] = initialByte
  }
}

/** Big endian; takes the low 32 bits of a whole number up to 2^53. */
function writeUint32(bytes: Uint8Array, value: number, at: number): number {
  const low = value >>> 0
  bytes[at] = low >>> 24
  bytes[at + 1] = low >>> 16
  bytes[at + 2] = low >>> 8
  bytes[at + 3] = low
  return at + 4
}
