import { Encoder } from 'cbor-x'

/** The building blocks of the formats. A Float64Array is an array of whole numbers, a Uint8Array a byte string. */
export type Item = number | string | boolean | null | Uint8Array | Float64Array | readonly Item[]

const TWO_32 = 2 ** 32
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false })

/**
 * Encodes one CBOR item (RFC 8949) with definite lengths and shortest forms, without tags, maps and floats: equal
 * content gives equal bytes (§4.2.1). Numbers must be whole and below 2^53 in magnitude. A lone surrogate in a text
 * becomes U+FFFD. The bytes are a view of a larger buffer: copy them to keep them.
 */
export function encodeItem(item: Item): Uint8Array {
  return encoder.encode(encodable(item))
}

/**
 * Converts an item to a form that cbor-x encodes as documented above: cbor-x turns wider numbers into floats, and lone
 * surrogates into invalid UTF-8.
 */
function encodable(item: Item): unknown {
  if (typeof item === 'number') return wholeNumber(item)
  if (typeof item === 'string') return item.toWellFormed()
  if (item instanceof Float64Array) return wholeNumbers(item)
  return Array.isArray(item) ? item.map(encodable) : item
}

function wholeNumbers(values: Float64Array): (number | bigint)[] {
  const all = new Array<number | bigint>(values.length)
  for (let i = 0; i < values.length; i++) all[i] = wholeNumber(values[i]!)
  return all
}

function wholeNumber(value: number): number | bigint {
  return value < TWO_32 && value >= -TWO_32 ? value : BigInt(value)
}
