import { isUtf8 } from 'node:buffer'
import type { Reading, Value } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import type { RouteSettings } from '../settings/edge.ts'
import { beginsLikeCbor, beginsLikeCborRecord, parseCbor } from './cbor.ts'
import { DecodeDraft } from './draft.ts'
import { parseJson } from './json.ts'
import { REASON_CHARS_MAX, VALUE_BYTES_MAX } from './limits.ts'
import { readPlain } from './plain.ts'
import { PayloadProblem } from './problem.ts'
import type { ReadingRules } from './rules.ts'
import { bareValue, shortNumber } from './scalar.ts'
import { isSenml, readSenml } from './senml.ts'
import type { Tree } from './tree.ts'

export type PayloadFormat = RouteSettings['format']

/** What the topic says about the readings in the payload. */
export interface Target {
  readonly device: string
  /** Undefined: the payload names its metrics. */
  readonly metric: string | undefined
  /** What the route says about the payload; undefined: nothing. */
  readonly rules?: ReadingRules | undefined
}

/**
 * All readings of a message, at least one, or why the message is refused, with the place (`$[3].humidity.value: …`).
 */
export type Decoded =
  | { readonly ok: true; readonly readings: readonly Reading[] }
  | { readonly ok: false; readonly reason: string }

/**
 * Decodes one message completely, or refuses it. Never throws, whatever the bytes are, and keeps no reference to them.
 * @param receivedAt UTC milliseconds; the time of readings that have none
 * @param format `auto` detects JSON, CBOR records, bare text or bytes; `json` and `cbor` accept only that encoding,
 *   `senml` only a SenML pack in either; `text` is a bare value. JSON and CBOR may be SenML, which is detected by its
 *   structure.
 */
export function decode(payload: Uint8Array, target: Target, receivedAt: number, format: PayloadFormat): Decoded {
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
  const draft = new DecodeDraft(device, receivedAt, target.rules)
  const problem = read(payload, metric, format, draft) ?? (draft.readings.length === 0 ? NOTHING : undefined)
  if (problem === undefined) return { ok: true, readings: draft.readings }
  return { ok: false, reason: problem.toString().slice(0, REASON_CHARS_MAX).toWellFormed() }
}

const NOTHING = new PayloadProblem('the payload has no reading')

function single(device: string, metric: string, value: Value, ts: number): Decoded {
  return { ok: true, readings: [{ device, metric, unit: undefined, value, ts, timed: false, claim: undefined }] }
}

function read(
  payload: Uint8Array,
  metric: string | undefined,
  format: PayloadFormat,
  draft: DecodeDraft,
): PayloadProblem | undefined {
  if (payload.length === 0) return new PayloadProblem('an empty payload, and the topic names no metric')
  const tree = parse(payload, format)
  if (tree instanceof PayloadProblem) return tree
  if (format === 'senml' || isSenml(tree)) return readSenml(tree, metric, draft)
  return readPlain(tree, metric, draft)
}

function parse(payload: Uint8Array, format: PayloadFormat): Tree | PayloadProblem {
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

function parseAuto(payload: Uint8Array): Tree | PayloadProblem {
  if (beginsLikeCbor(payload)) return parseBinary(payload)
  const first = firstByte(payload)
  if (first === BRACE || first === BRACKET) return parseJson(payload)
  const quoted = first === QUOTE ? parseJson(payload) : undefined
  if (typeof quoted === 'string') return quoted
  return isUtf8(payload) ? bareValue(payload) : bytesOf(payload)
}

/**
 * Three raw bytes can be a CBOR array by chance, so without a word from the route only records are taken for CBOR: maps,
 * and arrays of maps. What begins like one but is broken is refused; anything else is a value of bytes.
 */
function parseBinary(payload: Uint8Array): Tree | PayloadProblem {
  return beginsLikeCborRecord(payload) ? parseCbor(payload) : bytesOf(payload)
}

/** A value of bytes: a copy, unless it is too long for a value. */
function bytesOf(payload: Uint8Array): Uint8Array {
  return payload.length > VALUE_BYTES_MAX ? payload : new Uint8Array(payload)
}

/** The first byte that is not JSON whitespace; undefined: there is none. */
function firstByte(payload: Uint8Array): number | undefined {
  for (const byte of payload) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
  }
  return undefined
}
