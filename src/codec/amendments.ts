import { assert } from '../base/errors.ts'
import type { Amendment, Quality } from '../base/reading.ts'
import type { DecodeLimits } from './batch-decoder.ts'
import { encodeItem } from './item.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { type Origin, readOrigin } from './origin.ts'
import { readVerdicts, VerdictRuns } from './verdicts.ts'
import { compress, decompress } from './zstd.ts'

const AMENDMENTS_VERSION = 1
const AMENDMENTS_ITEMS = 8

/** Changed verdicts of readings that were sent before, in the order in which the edge made them. */
export interface Amendments extends Origin {
  /** Numbers of the first and the last of them at the edge; the receipt refers to these numbers. */
  readonly first: number
  readonly last: number
  readonly items: readonly Amendment[]
}

export type DecodedAmendments =
  | { readonly ok: true; readonly amendments: Amendments }
  | { readonly ok: false; readonly reason: string }

/** Packs amendments (docs/wire-format.md). Positions may be in any order, and may repeat. */
export function encodeAmendments({ edge, epoch, run, first, last, items }: Amendments): Uint8Array {
  assert(items.length > 0 && first <= last, 'amendments have at least one item and ascending numbers')
  const distances = items.map(({ seq }, i) => seq - (items[i - 1]?.seq ?? 0))
  const verdicts = new VerdictRuns()
  for (const { quality, reasons } of items) verdicts.add(quality, reasons)
  return compress(encodeItem([AMENDMENTS_VERSION, edge, epoch, run, first, last, distances, verdicts.take()]))
}

/** Decodes amendments. Never throws, whatever the bytes are; the limits bound time and memory. */
export function decodeAmendments(bytes: Uint8Array, limits: DecodeLimits): DecodedAmendments {
  try {
    const cbor = new ItemReader(decompress(bytes, limits.bytesMax))
    return { ok: true, amendments: readAmendments(cbor, limits.readingsMax) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function readAmendments(cbor: ItemReader, countMax: number): Amendments {
  cbor.arrayOf(AMENDMENTS_ITEMS, 'amendments')
  const version = cbor.uint('version')
  if (version !== AMENDMENTS_VERSION) throw new Malformed(`version ${version} instead of ${AMENDMENTS_VERSION}`)
  const origin = readOrigin(cbor)
  const first = cbor.uint('first')
  const last = cbor.uint('last')
  const count = cbor.array('seq')
  if (count === 0 || first > last) throw new Malformed('no amendments')
  if (count > countMax) throw new Malformed(`more than ${countMax} amendments`)
  const distances = cbor.ints(count, 'seq')
  const { quality, reasons } = readVerdicts(cbor, count)
  cbor.end()
  let seq = 0
  const items = Array.from(distances, (distance, i): Amendment => {
    seq += distance
    if (seq < 1 || seq > Number.MAX_SAFE_INTEGER) throw new Malformed('seq out of range')
    return { seq, quality: quality[i] as Quality, reasons: reasons[i]! }
  })
  return { ...origin, first, last, items }
}
