import { isUtf8 } from 'node:buffer'
import { type DecodeOptions, type Token, Tokenizer, Type } from 'cborg'
import { messageOf } from '../base/errors.ts'
import { Malformed } from './malformed.ts'

const OPTIONS: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  retainStringBytes: true,
}

const BYTE_ORDER_MARK_FIRST = 0xef
const utf8WithMark = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Reads CBOR items (RFC 8949) from untrusted bytes. The caller states the kind of the next item; any other item, and an
 * integer or length that is not in its shortest form, throws `Malformed`. Items are read one by one and never as a
 * whole tree, because a tree takes many times the memory of its bytes, and its depth is unlimited. Time is linear in
 * the number of bytes, and memory is bounded by what the caller asks for.
 */
export class ItemReader {
  readonly #tokens: Tokenizer
  readonly #size: number

  constructor(bytes: Uint8Array) {
    // A plain Uint8Array view: `slice` of a Buffer does not copy, so a kept byte string would keep a whole batch alive.
    this.#tokens = new Tokenizer(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), OPTIONS)
    this.#size = bytes.length
  }

  /** Requires that no byte follows. */
  end(): void {
    if (!this.#tokens.done()) throw new Malformed('bytes after the end')
  }

  #next(what: string): Token {
    if (this.#tokens.done()) throw new Malformed(`${what} expected, cut short`)
    try {
      return this.#tokens.next()
    } catch (failure) {
      throw new Malformed(`${what}: ${messageOf(failure)}`)
    }
  }

  /**
   * Begins an array and returns the number of its items. Each item takes at least one byte, so a number beyond the
   * remaining bytes is refused.
   */
  array(what: string): number {
    const { type, value } = this.#next(what)
    if (type !== Type.array) throw new Malformed(`${what} expected`)
    if (value > this.#size - this.#tokens.pos()) throw new Malformed(`${what} longer than its bytes`)
    return value
  }

  /** Begins an array that must have `length` items. */
  arrayOf(length: number, what: string): void {
    const actual = this.array(what)
    if (actual !== length) throw new Malformed(`${what}: ${actual} instead of ${length}`)
  }

  /** A whole number below 2^53 in magnitude. */
  int(what: string): number {
    const { type, value } = this.#next(what)
    if (type !== Type.uint && type !== Type.negint) throw new Malformed(`${what} expected`)
    return value
  }

  uint(what: string): number {
    const value = this.int(what)
    if (value < 0) throw new Malformed(`${what} expected`)
    return value
  }

  /** Reads the next `count` items, which must be whole numbers. */
  ints(count: number, what: string): Float64Array {
    const values = new Float64Array(count)
    for (let i = 0; i < count; i++) values[i] = this.int(what)
    return values
  }

  /** @param charsMax a longer text is refused */
  text(what: string, charsMax = Infinity): string {
    const text = this.textOrNull(what, charsMax)
    if (text === null) throw new Malformed(`${what} expected`)
    return text
  }

  textOrNull(what: string, charsMax = Infinity): string | null {
    const value = this.scalar(what)
    if (value !== null && typeof value !== 'string') throw new Malformed(`${what} expected`)
    if (value !== null && value.length > charsMax) throw new Malformed(`${what} longer than ${charsMax} characters`)
    return value
  }

  byteString(what: string): Uint8Array {
    const value = this.scalar(what)
    if (!(value instanceof Uint8Array)) throw new Malformed(`${what} expected`)
    return value
  }

  /** A byte string, or the length of an array that begins here. */
  bytesOrArray(what: string): Uint8Array | number {
    const { type, value } = this.#next(what)
    if (type === Type.bytes) return value
    if (type !== Type.array) throw new Malformed(`${what} expected`)
    if (value > this.#size - this.#tokens.pos()) throw new Malformed(`${what} longer than its bytes`)
    return value
  }

  /** Text, bytes, true, false or null. Bytes are a copy. */
  scalar(what: string): string | Uint8Array | boolean | null {
    const token = this.#next(what)
    switch (token.type) {
      case Type.string:
        return exactText(token, what)
      case Type.bytes:
      case Type.true:
      case Type.false:
      case Type.null:
        return token.value
      default:
        throw new Malformed(`${what} expected`)
    }
  }
}

/** cborg reads invalid UTF-8 as U+FFFD and drops a byte order mark; either would change the text that was sent. */
function exactText({ value, byteValue }: Token, what: string): string {
  if (byteValue === undefined) return value // the empty text
  if (!isUtf8(byteValue)) throw new Malformed(`${what} is not UTF-8`)
  return byteValue[0] === BYTE_ORDER_MARK_FIRST ? utf8WithMark.decode(byteValue) : value
}
