import { type DecodeOptions, decode, type TagDecodeControl, Token, Tokenizer, Type } from 'cborg'
import { messageOf } from '../base/errors.ts'
import { CBOR_DEPTH_MAX, CBOR_ITEMS_MAX, READINGS_PER_MESSAGE_MAX } from './limits.ts'
import { DuplicateFinder } from './members/duplicates.ts'
import { Parsed, type Replaced } from './members/parsed.ts'
import { PayloadProblem } from './problem.ts'
import { utf8Text } from './scalar.ts'
import { isArray, type Tree } from './tree.ts'

const OPTIONS: DecodeOptions = {
  strict: true,
  allowIndefinite: true,
  coerceUndefinedToNull: true,
  allowBigInt: true,
  retainStringBytes: true,
  tags: new Proxy({}, { get: (_, tag) => (content: TagDecodeControl) => untagged(Number(tag), content() as Tree) }),
}

/** Positive and negative bignum (RFC 8949 §3.4.3), decimal fraction and bigfloat (§3.4.4). */
const [BIGNUM, NEGATIVE_BIGNUM, DECIMAL_FRACTION, BIGFLOAT] = [2, 3, 4, 5]
/** First byte of a byte string whose length takes more than one byte: no bignum is that long. */
const LONG_BYTES = 0x59
const TAGS = 6

/** The value that a tagged item stands for. Most tags only say more about their item, such as that it is a time. */
function untagged(tag: number, content: Tree): Tree {
  if ((tag === BIGNUM || tag === NEGATIVE_BIGNUM) && content instanceof Uint8Array) {
    const magnitude = BigInt(`0x0${Buffer.from(content).toString('hex')}`)
    const integer = tag === BIGNUM ? magnitude : -1n - magnitude
    return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer
  }
  if ((tag !== DECIMAL_FRACTION && tag !== BIGFLOAT) || !isArray(content)) return content
  const [exponent, mantissa] = content
  if (content.length !== 2 || !isInteger(exponent) || !isInteger(mantissa)) return content
  return tag === BIGFLOAT ? Number(mantissa) * 2 ** Number(exponent) : Number(`${mantissa}e${exponent}`)
}

function isInteger(tree: Tree | undefined): tree is number | bigint {
  return typeof tree === 'bigint' || Number.isInteger(tree)
}

/** RFC 8428 §6, table 4: SenML's integer map keys. */
const SENML_LABELS: ReadonlyMap<unknown, string> = new Map([
  [-6, 'bs'],
  [-5, 'bv'],
  [-4, 'bu'],
  [-3, 'bt'],
  [-2, 'bn'],
  [-1, 'bver'],
  [0, 'n'],
  [1, 'u'],
  [2, 'v'],
  [3, 'vs'],
  [4, 'vb'],
  [5, 's'],
  [6, 't'],
  [7, 'ut'],
  [8, 'vd'],
])

/** True when the first byte is that of a CBOR array or map. No UTF-8 text begins like this. */
export function beginsLikeCbor(payload: Uint8Array): boolean {
  return payload.length > 0 && payload[0]! >= 0x80 && payload[0]! <= 0xbf
}

const TEXT = 3
const MAP = 5
/** Bytes before the first item of an array or map, by the lower bits of its first byte (RFC 8949 §3). */
const HEAD_BYTES: ReadonlyMap<number, number> = new Map([
  [24, 2],
  [25, 3],
  [26, 5],
  [27, 9],
  [31, 1],
])

/** True when the payload begins like a CBOR map with a text as its first key, or like an array of maps. */
export function beginsLikeCborRecord(payload: Uint8Array): boolean {
  const first = payload[0] ?? 0
  const count = first & 0x1f
  const inner = payload[count < 24 ? 1 : (HEAD_BYTES.get(count) ?? payload.length)]
  return count > 0 && inner !== undefined && inner >>> 5 === (first >>> 5 === MAP ? TEXT : MAP)
}

/**
 * Parses one CBOR data item (RFC 8949). Lengths and integers must be in their shortest form. NaN, infinities and
 * undefined are null: the device has no value. In the objects of a top-level array, the integer keys of SenML become
 * labels; any other integer key becomes its digits. Byte strings are copies.
 */
export function parseCbor(payload: Uint8Array): Parsed | PayloadProblem {
  // A plain view: `slice` of a Buffer does not copy, so a value would keep the whole packet alive.
  const bytes = new Uint8Array(payload.buffer, payload.byteOffset, payload.length)
  try {
    const tokenizer = new BoundedTokenizer(bytes, OPTIONS)
    const tree = decode(bytes, { ...OPTIONS, tokenizer }) as Tree
    return new Parsed(tree, tokenizer.keys, () => duplicatesIn(bytes))
  } catch (failure) {
    return new PayloadProblem(`not CBOR: ${messageOf(failure).replace('CBOR decode error: ', '')}`)
  }
}

/** @param bytes valid CBOR */
function duplicatesIn(bytes: Uint8Array): Replaced {
  const finder = new DuplicateFinder()
  const tokenizer = new BoundedTokenizer(bytes, OPTIONS, finder)
  while (!tokenizer.done() && !finder.isFull) tokenizer.next()
  return finder.replaced
}

/** An array or map that is not complete yet. */
interface Level {
  readonly isMap: boolean
  /** Items still to come, keys and values counted separately; Infinity for an indefinite length, until its break. */
  left: number
  /** True: the next item is a key. */
  atKey: boolean
}

/** Limits depth and number of items while it reads, so that a short payload cannot exhaust stack or memory. */
class BoundedTokenizer extends Tokenizer {
  /** Number of keys of all maps. */
  keys = 0
  readonly #levels: Level[] = []
  #items = 0
  /** Undefined: duplicates are not searched. */
  readonly #finder: DuplicateFinder | undefined

  constructor(data: Uint8Array, options: DecodeOptions, finder?: DuplicateFinder) {
    super(data, options)
    this.#finder = finder
  }

  override next(): Token {
    const token = super.next()
    if (++this.#items > CBOR_ITEMS_MAX) throw new Error(`more than ${CBOR_ITEMS_MAX} data items`)
    if (token.type === Type.tag) return this.#tag(token)
    const level = this.#levels.at(-1)
    if (token.type === Type.break) return this.#close(token, level)
    const isKey = level?.atKey === true
    const item = isKey ? this.#key(token) : itemOf(token)
    if (level?.isMap === false) this.#finder?.element()
    if (level !== undefined) {
      level.left--
      level.atKey = level.isMap && !level.atKey
    }
    if (token.type === Type.array || token.type === Type.map) this.#open(token)
    while (this.#levels.at(-1)?.left === 0) this.#pop()
    return item
  }

  #key(token: Token): Token {
    this.keys++
    const label = this.#inSenmlRecord() ? SENML_LABELS.get(token.value) : undefined
    const isInteger = token.type === Type.uint || token.type === Type.negint
    const name = label ?? (isInteger ? String(token.value) : undefined)
    const key = name === undefined ? itemOf(token) : new Token(Type.string, name, token.encodedLength)
    this.#finder?.member(String(key.value))
    return key
  }

  #pop(): void {
    this.#levels.pop()
    this.#finder?.close()
  }

  /** A tag is not an item of its own. Refuses a tag in a tag, whose depth would have no limit, and a long bignum. */
  #tag(token: Token): Token {
    const next = this.data[this.pos()] ?? 0
    if (next >>> 5 === TAGS) throw new Error('tag not supported: a tag in a tag')
    const isBignum = token.value === BIGNUM || token.value === NEGATIVE_BIGNUM
    if (isBignum && next >= LONG_BYTES && next <= 0x5f) throw new Error('tag not supported: a bignum of that length')
    return token
  }

  /** Accepts a break only where one may be: cborg alone would read a break after a key as the value. */
  #close(token: Token, level: Level | undefined): Token {
    const allowed = level?.left === Number.POSITIVE_INFINITY && level.isMap === level.atKey
    if (!allowed) throw new Error('a break in the wrong place')
    this.#pop()
    return token
  }

  #inSenmlRecord(): boolean {
    return this.#levels.length === 2 && !this.#levels[0]!.isMap
  }

  #open(token: Token): void {
    if (this.#levels.length >= CBOR_DEPTH_MAX) throw new Error(`nested deeper than ${CBOR_DEPTH_MAX}`)
    const length = token.value as number
    if (length > READINGS_PER_MESSAGE_MAX && length !== Number.POSITIVE_INFINITY) {
      throw new Error(`an array or map of ${length} entries, more than ${READINGS_PER_MESSAGE_MAX}`)
    }
    const isMap = token.type === Type.map
    this.#levels.push({ isMap, left: isMap ? length * 2 : length, atKey: isMap })
    this.#finder?.open(isMap)
  }
}

/** A text is exactly what the device sent; a number that is not finite is null. */
function itemOf(token: Token): Token {
  if (token.type === Type.string) return exactText(token)
  if (token.type !== Type.float || Number.isFinite(token.value)) return token
  return new Token(Type.null, null, token.encodedLength)
}

/** Exactly the text that the device sent: cborg would read invalid UTF-8 as U+FFFD and drop a byte order mark. */
function exactText(token: Token): Token {
  if (token.byteValue === undefined) return token
  const value = utf8Text(token.byteValue)
  if (value === undefined) throw new Error('a text that is not UTF-8')
  return new Token(Type.string, value, token.encodedLength)
}
