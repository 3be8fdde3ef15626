import { isUtf8 } from 'node:buffer'
import type { Reading, Value } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import type { RouteSettings } from '../settings/edge.ts'
import { beginsLikeCbor, beginsLikeCborRecord, parseCbor } from './cbor.ts'
import { withoutCollisions } from './collisions.ts'
import { DecodeDraft, type PartialRejects, shortened } from './draft.ts'
import { parseJson } from './json.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import { bare, Parsed } from './members/parsed.ts'
import { simpleReading } from './plain/simple-reading.ts'
import { readPlain } from './plain.ts'
import { PayloadProblem } from './problem.ts'
import type { ReadingRules } from './rules.ts'
import { bareValue, shortNumber } from './scalar.ts'
import { isSenml } from './senml/shape.ts'
import { readSenml } from './senml.ts'
import { isMessagePack, isUtf16 } from './text/encodings.ts'
import { inOrder } from './time/order.ts'
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
 * The readings of a message, at least one, and the fields of it that were not understood; or why the message is refused
 * as a whole. Every reason names its place (`$[3].humidity.value: …`).
 */
export type Decoded =
  | { readonly ok: true; readonly readings: readonly Reading[]; readonly partial: PartialRejects | undefined }
  | { readonly ok: false; readonly reason: string }

/**
 * Decodes one message: whatever is understood of it becomes readings, and each field that is not is a partial reject. A
 * message of which nothing is understood, or that is too large, is refused. Never throws, whatever the bytes are, and
 * keeps no reference to them.
 * @param receivedAt UTC milliseconds; the time of readings that have none
 * @param format `auto` detects JSON, CBOR records, bare text or bytes; `json` and `cbor` accept only that encoding,
 *   `senml` only a SenML pack in either; `text` is a bare value. JSON and CBOR may be SenML, which is detected by its
 *   structure.
 */
export function decode(payload: Uint8Array, target: Target, receivedAt: number, format: PayloadFormat): Decoded {
  const { device, metric } = target
  const badName = deviceProblem(device) ?? (metric === undefined ? undefined : nameProblem(metric))
  if (badName !== undefined) return { ok: false, reason: `the topic has ${badName}` }
  if (metric !== undefined) {
    if (payload.length === 0) return single(device, metric, null, receivedAt)
    if (format === 'auto' || format === 'text') {
      const number = shortNumber(payload)
      if (!Number.isNaN(number)) return single(device, metric, number, receivedAt)
    }
  }
  if (payload.length === 0) return refused(EMPTY)
  const parsed = parse(payload, format)
  if (parsed instanceof PayloadProblem) return refused(parsed)
  const simple = metric === undefined || format === 'senml' ? undefined : simpleReading(parsed, device, metric)
  if (simple !== undefined) return { ok: true, readings: [simple], partial: undefined }
  const draft = draftOf(parsed.tree, target, receivedAt, format)
  if (draft.refusal === undefined) rejectReplaced(parsed, draft)
  return outcomeOf(draft)
}

function draftOf(
  tree: Tree,
  { device, metric, rules }: Target,
  receivedAt: number,
  format: PayloadFormat,
): DecodeDraft {
  const readTree = (draft: DecodeDraft): void => {
    if (format === 'senml' || isSenml(tree)) readSenml(tree, metric, draft)
    else readPlain(tree, metric, draft)
  }
  const draft = new DecodeDraft(device, receivedAt, rules)
  readTree(draft)
  return draft.mayCollide ? withoutCollisions(draft, readTree) : draft
}

/** Members that a later one of the same name replaces are partial rejects. */
function rejectReplaced(parsed: Parsed, draft: DecodeDraft): void {
  for (const steps of parsed.replaced()) draft.reject('replaced by a later member of the same name', steps)
}

/** In the ledger, `*` is the account of all devices that were forgotten. */
function deviceProblem(device: string): string | undefined {
  return device === '*' ? 'the reserved name "*" for its device' : nameProblem(device)
}

const EMPTY = new PayloadProblem('an empty payload, and the topic names no metric')
const NOTHING = new PayloadProblem('the payload has no reading')

function outcomeOf({ refusal, readings, partial }: DecodeDraft): Decoded {
  if (refusal !== undefined) return refused(refusal)
  if (readings.length > 0) return { ok: true, readings: inOrder(readings), partial }
  const [first] = partial?.fields ?? []
  return first === undefined ? refused(NOTHING) : { ok: false, reason: shortened(`${first.path}: ${first.reason}`) }
}

function refused(problem: PayloadProblem): Decoded {
  return { ok: false, reason: shortened(problem.toString()) }
}

function single(device: string, metric: string, value: Value, ts: number): Decoded {
  const reading = { device, metric, unit: undefined, value, ts, timed: false, claim: undefined }
  return { ok: true, readings: [reading], partial: undefined }
}

function parse(payload: Uint8Array, format: PayloadFormat): Parsed | PayloadProblem {
  switch (format) {
    case 'json':
      return parseJson(withoutMark(payload))
    case 'cbor':
      return parseCborOnly(payload)
    case 'text':
      return bareText(payload)
    case 'senml':
      return beginsLikeCbor(payload) ? parseCbor(payload) : parseJson(withoutMark(payload))
    case 'auto':
      return parseAuto(withoutMark(payload))
  }
}

const BRACE = 0x7b
const BRACKET = 0x5b
const QUOTE = 0x22

function parseAuto(payload: Uint8Array): Parsed | PayloadProblem {
  if (beginsLikeCbor(payload)) return parseBinary(payload)
  if (isUtf16(payload)) return new PayloadProblem('UTF-16 text, expected UTF-8')
  const first = firstByte(payload)
  if (first === BRACE || first === BRACKET) return parseJson(payload)
  const quoted = first === QUOTE ? parseJson(payload) : undefined
  if (quoted instanceof Parsed && typeof quoted.tree === 'string') return quoted
  if (isUtf8(payload)) return bareText(payload)
  return isMessagePack(payload) ? MESSAGE_PACK : bytesOf(payload)
}

const MESSAGE_PACK = new PayloadProblem('MessagePack, which is not read: use JSON or CBOR')

/**
 * Three raw bytes can be a CBOR array by chance, so without a word from the route only records are taken for CBOR: maps,
 * and arrays of maps. What begins like one but is broken is refused; anything else is a value of bytes.
 */
function parseBinary(payload: Uint8Array): Parsed | PayloadProblem {
  if (beginsLikeCborRecord(payload)) return parseCborOnly(payload)
  return isMessagePack(payload) ? MESSAGE_PACK : bytesOf(payload)
}

/** Broken CBOR and MessagePack can begin with the same bytes. */
function parseCborOnly(payload: Uint8Array): Parsed | PayloadProblem {
  const parsed = parseCbor(payload)
  if (parsed instanceof Parsed || !isMessagePack(payload)) return parsed
  return new PayloadProblem(`${parsed.why} (MessagePack, which may begin like this, is not read)`, parsed.at)
}

function bareText(payload: Uint8Array): Parsed | PayloadProblem {
  const value = bareValue(payload)
  return value instanceof PayloadProblem ? value : bare(value)
}

/** A value of bytes: a copy, unless it is too long for a value. */
function bytesOf(payload: Uint8Array): Parsed {
  return bare(payload.length > VALUE_BYTES_MAX ? payload : new Uint8Array(payload))
}

/** The payload without the byte order mark that Windows puts in front of UTF-8. */
function withoutMark(payload: Uint8Array): Uint8Array {
  return payload[0] === 0xef && payload[1] === 0xbb && payload[2] === 0xbf ? payload.subarray(3) : payload
}

/** The first byte that is not JSON whitespace; undefined: there is none. */
function firstByte(payload: Uint8Array): number | undefined {
  for (const byte of payload) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
  }
  return undefined
}
