import type { Value } from '../base/reading.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { kindOf, type Tree } from './tree.ts'

const INTEGER = /^[+-]?\d+$/
/** Also with a plus sign, or without a digit before or after the point, as C and BASIC write numbers. */
const PRINTED_NUMBER = /^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** Texts with which devices and programs say that there is no value, in lower case. */
const NO_VALUE: ReadonlySet<string> = new Set([
  ...['', 'unavailable', 'not available', 'unknown', 'undefined', 'none', 'null', 'nil', 'no data', 'no value'],
  ...['not_available', 'no_data', 'no_value', 'undef', '(null)', '<null>', 'n/a', 'n.a.', '#n/a'],
  ...['--', '---', '----', '-----', '--.-', '--.--', '---.-'],
  // What printf makes of numbers that are not finite, in different languages.
  ...['nan', '-nan', '+nan', 'nan(ind)', '-nan(ind)', '1.#qnan', '-1.#qnan', '1.#ind', '-1.#ind', '1.#inf', '-1.#inf'],
  ...['inf', '-inf', '+inf', 'infinity', '-infinity', '+infinity'],
])
const NO_VALUE_CHARS_MAX = 16
/** 1 for every character with which such a word, or white space before it, can begin: most texts need no more. */
const NO_VALUE_BEGINS = new Uint8Array(128)
for (const word of [...NO_VALUE, '\t', '\n', '\r', ' ']) {
  if (word === '') continue
  NO_VALUE_BEGINS[word.charCodeAt(0)] = 1
  NO_VALUE_BEGINS[word.toUpperCase().charCodeAt(0)] = 1
}

/** Whether this is a text that says that there is no value, in any letter case and with white space around it. */
export function isNoValue(tree: Tree): boolean {
  if (typeof tree !== 'string' || tree.length > NO_VALUE_CHARS_MAX) return false
  if (tree === '') return true
  return NO_VALUE_BEGINS[tree.charCodeAt(0)] === 1 && NO_VALUE.has(tree.trim().toLowerCase())
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of these bytes, with a byte order mark if there is one; undefined: they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const POWERS_OF_TEN = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15] as const
const SHORT_NUMBER_BYTES_MAX = 17
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30

/**
 * The value of a JSON number of at most 15 digits without an exponent; NaN for anything else, which needs the full
 * parser. The result equals that of JSON.parse to the last bit: the digits fit into 53 bits, powers of ten up to 10^22
 * are exact, and one division of two exact doubles rounds only once (Clinger 1990).
 */
export function shortNumber(bytes: Uint8Array): number {
  const length = bytes.length
  if (length === 0 || length > SHORT_NUMBER_BYTES_MAX) return Number.NaN
  const start = bytes[0] === MINUS ? 1 : 0
  let digits = 0
  let count = 0
  let point = -1
  for (let i = start; i < length; i++) {
    const digit = bytes[i]! - ZERO
    if (digit >= 0 && digit <= 9) {
      digits = digits * 10 + digit
      count++
    } else if (bytes[i] === POINT && point === -1 && count > 0) point = i
    else return Number.NaN
  }
  if (count === 0 || count > 15 || point === length - 1) return Number.NaN
  const whole = point === -1 ? count : point - start
  if (whole > 1 && bytes[start] === ZERO) return Number.NaN
  const magnitude = point === -1 ? digits : digits / POWERS_OF_TEN[count - whole]!
  return start === 1 ? -magnitude : magnitude
}

/**
 * An integer that a double would round is returned as bigint, anything else unchanged.
 * @param source the text from which `value` was parsed
 */
export function exactInteger(value: number, source: string): number | bigint {
  if (Number.isSafeInteger(value) || !Number.isFinite(value) || !INTEGER.test(source)) return value
  const exact = BigInt(source)
  return exact === 2n ** 53n || exact === -(2n ** 53n) ? value : exact
}

/**
 * The value of a scalar, or why it is not one. Integers beyond ±2^53 become text with their exact digits.
 * @param noValueTexts whether texts such as `unavailable` mean that there is no value
 */
export function scalarValue(tree: Tree, noValueTexts: boolean): Value | PayloadProblem {
  switch (typeof tree) {
    case 'number':
      return finite(tree)
    case 'boolean':
      return tree
    case 'string':
      return noValueTexts && isNoValue(tree) ? null : (textProblem(tree) ?? tree)
    case 'bigint':
      return tree.toString()
    default:
      if (tree === null) return null
      if (!(tree instanceof Uint8Array)) return new PayloadProblem(`expected a value, found ${kindOf(tree)}`)
      return tree.length > VALUE_BYTES_MAX ? tooLong(tree.length) : tree
  }
}

function finite(number: number): number | PayloadProblem {
  return Number.isFinite(number) ? number : new PayloadProblem('a number beyond the range of a double')
}

function textProblem(text: string): PayloadProblem | undefined {
  if (text.length * 3 > VALUE_BYTES_MAX) {
    const length = Buffer.byteLength(text)
    if (length > VALUE_BYTES_MAX) return tooLong(length)
  }
  return text.isWellFormed() ? undefined : new PayloadProblem('a text with a lone surrogate')
}

function tooLong(length: number): PayloadProblem {
  return new PayloadProblem(`a value of ${length} bytes, more than ${VALUE_BYTES_MAX}`)
}

/** The text without a byte order mark in front and the terminating NULs that C programs send. */
function withoutFrame(text: string): string {
  let end = text.length
  for (let at = end - 1; at >= 0; at--) {
    const code = text.charCodeAt(at)
    if (code === 0) end = at
    else if (!isSpace(code)) break
  }
  return text.slice(text.startsWith('\ufeff') ? 1 : 0, end)
}

/** The text without JSON whitespace around it. (A pattern would take time that grows with the square of its length.) */
function trimmed(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Whether this is JSON whitespace. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/**
 * The value of a bare text: a number, `true`, `false` (Python: `True`, `False`) or `null`, with or without JSON
 * whitespace around it, otherwise the text itself, without a byte order mark and terminating NULs. Numbers that overflow
 * a double are refused, and so are bytes that are not UTF-8.
 */
export function bareValue(bytes: Uint8Array): Value | PayloadProblem {
  if (bytes.length > VALUE_BYTES_MAX) return tooLong(bytes.length)
  const given = utf8Text(bytes)
  if (given === undefined) return new PayloadProblem('neither JSON nor CBOR nor UTF-8 text')
  const text = withoutFrame(given)
  const word = trimmed(text)
  if (word === 'true' || word === 'True') return true
  if (word === 'false' || word === 'False') return false
  if (word === 'null') return null
  if (!PRINTED_NUMBER.test(word)) return textProblem(word) ?? text
  const number = exactInteger(Number(word), word)
  return typeof number === 'bigint' ? number.toString() : finite(number)
}
