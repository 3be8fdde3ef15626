import type { Reading, Value } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import type { RouteSettings } from '../settings/edge.ts'
import { beginsLikeCbor, parseCbor } from './cbor.ts'
import { Draft } from './draft.ts'
import { parseJson } from './json.ts'
import { REASON_CHARS_MAX } from './limits.ts'
import { readPlain } from './plain.ts'
import { Problem } from './problem.ts'
import { bareValue, shortNumber } from './scalar.ts'
import { looksLikeSenml, readSenml } from './senml.ts'
import type { Tree } from './tree.ts'

export type Format = RouteSettings['format']

/** What the topic says of the readings in the payload. */
export interface Target {
  readonly device: string
  /** Undefined: the payload names its metrics. */
  readonly metric: string | undefined
}

/** All readings of a message, at least one, or why it is refused and where in it (`$[3].humidity.value: …`). */
export type Decoded =
  | { readonly ok: true; readonly readings: readonly Reading[] }
  | { readonly ok: false; readonly reason: string }

/**
 * Decodes one message, whole or not at all. Never throws, whatever the bytes, and keeps no reference to them.
 * @param receivedAt UTC milliseconds; the time of readings that bring none
 * @param format `auto` tells JSON, CBOR and bare text apart by the first byte; `json` and `cbor` insist on their
 *   encoding, `senml` on a pack in either; `text` never looks inside. SenML in JSON or CBOR is told by its shape.
 */
export function decode(payload: Uint8Array, target: Target, receivedAt: number, format: Format): Decoded {
  const { device, metric } = target
  const badName = nameProblem(device) ?? (metric === undefined ? undefined : nameProblem(metric))
  if (badName !== undefined) return { ok: false, reason: `the topic has ${badName}` }
  if (metric !== undefined) {
    if (payload.length === 0) return single(device, metric, null, receivedAt)
    if (format === 'auto' || format === 'text') {
      const number = shortNumber(payload)
      if (!Number.isNaN(number)) return single(device, metric, number, receivedAt)
    }
  }
  const draft = new Draft(device, receivedAt)
  const problem = read(payload, metric, format, draft) ?? (draft.readings.length === 0 ? NOTHING : undefined)
  if (problem === undefined) return { ok: true, readings: draft.readings }
  return { ok: false, reason: problem.toString().slice(0, REASON_CHARS_MAX).toWellFormed() }
}

const NOTHING = new Problem('no reading in it')

function single(device: string, metric: string, value: Value, ts: number): Decoded {
  return { ok: true, readings: [{ device, metric, unit: undefined, value, ts, timed: false, claim: undefined }] }
}

function read(payload: Uint8Array, metric: string | undefined, format: Format, draft: Draft): Problem | undefined {
  if (payload.length === 0) return new Problem('an empty payload: the topic names no metric that could be missing')
  const tree = parse(payload, format)
  if (tree instanceof Problem) return tree
  if (format === 'senml' || looksLikeSenml(tree)) return readSenml(tree, metric, draft)
  return readPlain(tree, metric, draft)
}

function parse(payload: Uint8Array, format: Format): Tree | Problem {
  switch (format) {
    case 'json':
      return parseJson(payload)
    case 'cbor':
      return parseCbor(payload)
    case 'text':
      return bareValue(payload)
    case 'senml':
      return beginsLikeCbor(payload) ? parseCbor(payload) : parseJson(payload)
    case 'auto':
      return parseAuto(payload)
  }
}

const BRACE = 0x7b
const BRACKET = 0x5b
const QUOTE = 0x22

function parseAuto(payload: Uint8Array): Tree | Problem {
  if (beginsLikeCbor(payload)) return parseCbor(payload)
  const first = firstByte(payload)
  if (first === BRACE || first === BRACKET) return parseJson(payload)
  const quoted = first === QUOTE ? parseJson(payload) : undefined
  return typeof quoted === 'string' ? quoted : bareValue(payload)
}

/** The first byte that is no JSON whitespace. */
function firstByte(payload: Uint8Array): number | undefined {
  for (const byte of payload) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
  }
  return undefined
}
