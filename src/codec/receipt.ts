import type { Seq, SeqRange } from '../base/reading.ts'
import { encodeItem } from './item.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { distancesOf, readRanges } from './range-list.ts'

const RECEIPT_VERSION = 1
const RECEIPT_ITEMS = 7
/**
 * Maximum number of ranges in one receipt; a message with more is refused. A receiver accepts no batch with more ranges
 * either, and the batches of Tidegate's own edges have one.
 */
export const RECEIPT_RANGES_MAX = 10_000
/** A longer reason is cut off: it comes from outside, and is stored with every reading that is refused for it. */
export const REASON_CHARS_MAX = 400

/**
 * What a receipt states about its ranges. `stored`: the readings are in the sink. `rejected`: the receiver refused
 * them, and will refuse them again. `forked`: the receiver has other readings at these positions. `amended`: the ranges
 * are numbers of amendments, and those are in the sink. `name-in-use`: another edge with the same name was there first;
 * nothing was stored. Only for edges that know it (run-name.ts).
 */
export type ReceiptKind = 'stored' | 'rejected' | 'forked' | 'amended' | 'name-in-use'

const KINDS: readonly ReceiptKind[] = ['stored', 'rejected', 'forked', 'amended', 'name-in-use']

/** The answer of a receiver, sent after its own commit. */
export interface Receipt {
  /** Copied from the message that is answered; both are '' if the receiver could not decode it. */
  readonly epoch: string
  readonly run: string
  readonly kind: ReceiptKind
  /** Ascending and disjoint, at most RECEIPT_RANGES_MAX. */
  readonly ranges: readonly SeqRange[]
  /** The highest position of this epoch that the receiver ever saw; 0: none. */
  readonly high: Seq
  /** Why the message was rejected, as text for a person. */
  readonly reason: string | undefined
}

export type DecodedReceipt =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false; readonly reason: string }

/** Plain CBOR (docs/wire-format.md): a receipt is too small to gain by compression. */
export function encodeReceipt({ epoch, run, kind, ranges, high, reason }: Receipt): Uint8Array {
  const item = encodeItem([RECEIPT_VERSION, epoch, run, kind, distancesOf(ranges, 'receipt'), high, reason ?? null])
  return new Uint8Array(item)
}

/** Decodes a receipt. Never throws, whatever the bytes are; time and memory are linear in their number. */
export function decodeReceipt(bytes: Uint8Array): DecodedReceipt {
  try {
    return { ok: true, receipt: readReceipt(new ItemReader(bytes)) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function readReceipt(cbor: ItemReader): Receipt {
  cbor.arrayOf(RECEIPT_ITEMS, 'receipt')
  const version = cbor.uint('version')
  if (version !== RECEIPT_VERSION) throw new Malformed(`version ${version} instead of ${RECEIPT_VERSION}`)
  const epoch = cbor.text('epoch')
  const run = cbor.text('run')
  const name = cbor.text('kind')
  const kind = KINDS.find((known) => known === name)
  if (kind === undefined) throw new Malformed('unknown kind')
  const ranges = readRanges(cbor, RECEIPT_RANGES_MAX)
  const high = cbor.uint('high')
  const reason = cbor.textOrNull('reason')?.slice(0, REASON_CHARS_MAX)
  cbor.end()
  return { epoch, run, kind, ranges, high, reason }
}
