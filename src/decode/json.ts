import { messageOf } from '../base/errors.ts'
import { repairJson } from './json-repair.ts'
import { READINGS_PER_MESSAGE_MAX } from './limits.ts'
import { duplicatesInJson, outlineOf } from './members/json-members.ts'
import { Parsed } from './members/parsed.ts'
import { PayloadProblem } from './problem.ts'
import { exactInteger, isSpace, utf8Text } from './scalar.ts'
import { isUtf16 } from './text/encodings.ts'
import { isObject, type Tree } from './tree.ts'

/** A value of a dict that is not a number, text, list or dict, as Python prints it: `{'t': datetime.date(2026, 1, 31)}`. */
const PYTHON_OBJECT = /^[{[ ]{1,4}'[\s\S]{0,4096}?[:,] {0,4}((?:[a-z]\w{0,30}\.){0,3}[A-Za-z]\w{0,30})\(/

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** JSON.parse with source text access (ECMAScript), which the TypeScript library does not declare yet. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => Tree

/**
 * Parses JSON (RFC 8259) in UTF-8. What is not JSON is tried again without a byte order mark and terminating NULs, and
 * then repaired (`repairJson`). Objects on separate lines (NDJSON) are an array of them.
 */
export function parseJson(payload: Uint8Array): Parsed | PayloadProblem {
  if (isUtf16(payload)) return new PayloadProblem('not JSON: UTF-16, expected UTF-8')
  const text = utf8Text(payload)
  if (text === undefined) return new PayloadProblem('not UTF-8')
  try {
    return parseText(text, payload)
  } catch (failure) {
    const bare = bareText(text)
    return parseRepaired(bare) ?? parseLines(bare) ?? problemOf(failure, bare)
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
function parseRepaired(text: string): Parsed | undefined {
  const repaired = repairJson(text)
  try {
    return repaired === undefined ? undefined : parseText(repaired, Buffer.from(repaired))
  } catch {
    // The first failure says more about what the device sent.
    return undefined
  }
}

/** Undefined: these are not objects on separate lines. */
function parseLines(text: string): Parsed | PayloadProblem | undefined {
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
  const parsed: Parsed[] = []
  for (const line of lines) {
    const one = parseLine(line)
    if (!isObject(one?.tree)) return undefined
    parsed.push(one!)
  }
  const members = parsed.reduce((sum, one) => sum + one.members, 0)
  const trees = parsed.map(({ tree }) => tree)
  return new Parsed(trees, members, () =>
    parsed.flatMap((one, index) => one.replaced().map((steps) => [index, ...steps])),
  )
}

function parseLine(line: string): Parsed | undefined {
  try {
    return parseText(line, Buffer.from(line))
  } catch {
    return parseRepaired(line)
  }
}

function problemOf(failure: unknown, text: string): PayloadProblem {
  const message = messageOf(failure)
  const at = Number(/non-whitespace character after JSON at position (\d+)/.exec(message)?.[1] ?? Number.NaN)
  const call = PYTHON_OBJECT.exec(text)?.[1]
  if (call !== undefined) {
    return new PayloadProblem(`not JSON: Python printed an object, ${call}(…); send json.dumps(message, default=str)`)
  }
  if (text[at] !== '{' && text[at] !== '[') return new PayloadProblem(`not JSON: ${message}`)
  return new PayloadProblem('not JSON: several JSON values; send one, an array of them, or an object on each line')
}

/** @param json the bytes of the text */
function parseText(text: string, json: Uint8Array): Parsed {
  const { members, hasLongInteger } = outlineOf(json)
  const tree = hasLongInteger ? parseWithSource(text, withExactInteger) : (JSON.parse(text) as Tree)
  return new Parsed(tree, members, () => duplicatesInJson(text))
}

const withExactInteger: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined ? exactInteger(value, source) : value
