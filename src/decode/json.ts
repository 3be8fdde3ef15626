import { messageOf } from '../base/errors.ts'
import { repairJson } from './json-repair.ts'
import { PayloadProblem } from './problem.ts'
import { exactInteger, utf8Text } from './scalar.ts'
import type { Tree } from './tree.ts'

/** Every integer of fewer digits is exact in a double. */
const INEXACT_DIGITS_MIN = 16

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** JSON.parse with source text access (ECMAScript), which the TypeScript library does not declare yet. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => Tree

/** A byte order mark in front, and the terminating NULs that C programs send, also with white space around them. */
const AROUND = /^\ufeff|[\0 \t\n\r]+$/g

/**
 * Parses JSON (RFC 8259) in UTF-8. If an object has the same name twice, the last one counts, as in ECMAScript. What is
 * not JSON is tried again without a byte order mark and terminating NULs, and then repaired (`repairJson`).
 */
export function parseJson(payload: Uint8Array): Tree | PayloadProblem {
  const text = utf8Text(payload)
  if (text === undefined) return new PayloadProblem('not UTF-8')
  try {
    return parseText(text, payload)
  } catch (failure) {
    const repaired = repairJson(text.replace(AROUND, ''))
    try {
      if (repaired !== undefined) return parseText(repaired, payload)
    } catch {
      // The first failure says more about what the device sent.
    }
    return new PayloadProblem(`not JSON: ${messageOf(failure)}`)
  }
}

function parseText(text: string, payload: Uint8Array): Tree {
  if (!mayHoldInexactInteger(payload)) return JSON.parse(text) as Tree
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
