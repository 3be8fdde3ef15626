import { assert } from '../base/errors.ts'
import type { SeqRange } from '../base/reading.ts'
import { encodeItem } from './item.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { distancesOf, readRanges } from './range-list.ts'

const REQUEST_VERSION = 1
const REQUEST_ITEMS = 3
/**
 * Maximum number of ranges in one request; the receiver asks for more in later requests. A message with more is
 * refused.
 */
export const REQUEST_RANGES_MAX = 100

/**
 * Positions that a receiver lacks and requests from the edge. The request may be repeated, and any batch may answer it.
 */
export interface ResendRequest {
  /** The timeline of the positions. */
  readonly epoch: string
  /** Ascending and disjoint, at positions of 1 or more; 1 to REQUEST_RANGES_MAX of them. */
  readonly ranges: readonly SeqRange[]
}

export type DecodedRequest =
  | { readonly ok: true; readonly request: ResendRequest }
  | { readonly ok: false; readonly reason: string }

/** Plain CBOR (docs/wire-format.md). */
export function encodeRequest({ epoch, ranges }: ResendRequest): Uint8Array {
  assert(ranges.length >= 1 && ranges.length <= REQUEST_RANGES_MAX, `a request has 1 to ${REQUEST_RANGES_MAX} ranges`)
  assert(ranges[0]!.first >= 1, 'positions begin at 1')
  return new Uint8Array(encodeItem([REQUEST_VERSION, epoch, distancesOf(ranges, 'request')]))
}

/** Decodes a request. Never throws, whatever the bytes are; time and memory are linear in their number. */
export function decodeRequest(bytes: Uint8Array): DecodedRequest {
  try {
    return { ok: true, request: readRequest(new ItemReader(bytes)) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function readRequest(cbor: ItemReader): ResendRequest {
  cbor.arrayOf(REQUEST_ITEMS, 'request')
  const version = cbor.uint('version')
  if (version !== REQUEST_VERSION) throw new Malformed(`version ${version} instead of ${REQUEST_VERSION}`)
  const epoch = cbor.text('epoch')
  const ranges = readRanges(cbor, REQUEST_RANGES_MAX)
  const [lowest] = ranges
  if (lowest === undefined) throw new Malformed('no ranges')
  if (lowest.first < 1) throw new Malformed('positions begin at 1')
  cbor.end()
  return { epoch, ranges }
}
