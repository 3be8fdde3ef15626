import { messageOf } from '../base/errors.ts'
import { repairJson } from './json-repair.ts'
import { READINGS_PER_MESSAGE_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { exactInteger, isSpace, utf8Text } from './scalar.ts'
import { isUtf16 } from './text/encodings.ts'
import { isObject, type Tree } from './tree.ts'

/** Every integer of fewer digits is exact in a double. */
const INEXACT_DIGITS_MIN = 16

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** JSON.parse with source text access (ECMAScript), which the TypeScript library does not declare yet. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => Tree

/**
 * Parses JSON (RFC 8259) in UTF-8. If an object has the same name twice, the last one counts, as in ECMAScript. What is
 * not JSON is tried again without a byte order mark and terminating NULs, and then repaired (`repairJson`). Objects on a
 * line each (NDJSON) are an array of them.
 */
export function parseJson(payload: Uint8Array): Tree | PayloadProblem {
  if (isUtf16(payload)) return new PayloadProblem('not JSON: UTF-16, expected UTF-8')
  const text = utf8Text(payload)
  if (text === undefined) return new PayloadProblem('not UTF-8')
  const isExact = !mayHoldInexactInteger(payload)
  try {
    return parseText(text, isExact)
  } catch (failure) {
    const bare = bareText(text)
    return parseRepaired(bare, isExact) ?? parseLines(bare, isExact) ?? problemOf(failure, bare)
  }
}

/**
 * The text without a byte order mark in front and the terminating NULs that C programs send, also with white space around
 * them. (A pattern would take time that grows with the square of its length.)
 */
function bareText(text: string): string {
  let end = text.length
  while (end > 0 && (text.charCodeAt(end - 1) === 0 || isSpace(text.charCodeAt(end - 1)))) end--
  return text.slice(text.startsWith('\ufeff') ? 1 : 0, end)
}

/** Undefined: it cannot be repaired. */
function parseRepaired(text: string, isExact: boolean): Tree | undefined {
  const repaired = repairJson(text)
  try {
    return repaired === undefined ? undefined : parseText(repaired, isExact)
  } catch {
    // The first failure says more about what the device sent.
    return undefined
  }
}

/** Undefined: these are not objects on a line each. */
function parseLines(text: string, isExact: boolean): Tree[] | PayloadProblem | undefined {
  const lines: string[] = []
  for (let start = 0, end = 0; end < text.length; start = end + 1) {
    end = text.indexOf('\n', start)
    if (end === -1) end = text.length
    const line = text.slice(start, end).trim()
    if (line === '') continue
    if (!line.startsWith('{') || !line.endsWith('}')) return undefined
    if (lines.length === READINGS_PER_MESSAGE_MAX) {
      return new PayloadProblem(`more than ${READINGS_PER_MESSAGE_MAX} lines in one message`)
    }
    lines.push(line)
  }
  if (lines.length < 2) return undefined
  const trees: Tree[] = []
  for (const line of lines) {
    const tree = parseLine(line, isExact)
    if (!isObject(tree)) return undefined
    trees.push(tree)
  }
  return trees
}

function parseLine(line: string, isExact: boolean): Tree | undefined {
  try {
    return parseText(line, isExact)
  } catch {
    return parseRepaired(line, isExact)
  }
}

function problemOf(failure: unknown, text: string): PayloadProblem {
  const message = messageOf(failure)
  const at = Number(/non-whitespace character after JSON at position (\d+)/.exec(message)?.[1] ?? Number.NaN)
  if (text[at] !== '{' && text[at] !== '[') return new PayloadProblem(`not JSON: ${message}`)
  return new PayloadProblem('not JSON: several JSON values; send one, an array of them, or an object on each line')
}

/** @param isExact whether a double holds every integer in the text */
function parseText(text: string, isExact: boolean): Tree {
  if (isExact) return JSON.parse(text) as Tree
  return parseWithSource(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? exactInteger(value, source) : value,
  )
}

const FRACTION = -1e9

/**
 * Whether a long run of digits before a decimal point occurs: only then the source of every number (1 µs each) is
 * needed.
 */
function mayHoldInexactInteger(payload: Uint8Array): boolean {
  let run = 0
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i]!
    if (byte >= 0x30 && byte <= 0x39) {
      if (++run >= INEXACT_DIGITS_MIN) return true
    } else run = byte === 0x2e ? FRACTION : 0
  }
  return false
}
