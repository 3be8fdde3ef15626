import { doAll, type Steps } from '../base/loop/steps.ts'
import type { SeqRange } from '../base/reading.ts'
import { type DecodeLimits, rangesOf, readNames, readVersion } from './batch-decoder.ts'
import { unpackSums } from './columns/columns.ts'
import { readLayout } from './columns/row-columns.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'
import { type Origin, readOrigin } from './origin.ts'
import { decompress } from './zstd.ts'

/** The sender of a batch, and the positions of its readings. */
export interface BatchHead extends Origin {
  /** Positions of its readings; of more than `rangesMax` ranges, only the first ones. */
  readonly ranges: readonly SeqRange[]
}

/**
 * Reads a batch as far as its positions, so that the receiver of a batch that it refuses can report which readings it
 * refuses. Undefined if even these cannot be read. Never throws; the limits bound time and memory.
 */
export function readBatchHead(bytes: Uint8Array, limits: DecodeLimits): BatchHead | undefined {
  try {
    return doAll(headInSteps(decompress(bytes, limits.bytesMax), limits))
  } catch (failure) {
    if (failure instanceof Malformed) return undefined
    throw failure
  }
}

/** The same in steps, for the beginning of a batch that is decompressed already. */
export function* headInSteps(unpacked: Uint8Array, limits: DecodeLimits): Steps<BatchHead | undefined> {
  try {
    const cbor = new ItemReader(unpacked)
    readVersion(cbor)
    const origin = readOrigin(cbor)
    const names = yield* readNames(cbor, limits.readingsMax)
    const layout = readLayout(cbor, names.length, limits.readingsMax)
    cbor.arrayOf(3, 'seq')
    const { rangesMax = limits.readingsMax } = limits
    const seq = unpackSums(cbor, layout, 'seq')
    yield
    const ranges = rangesOf(seq, layout, rangesMax)
    return { ...origin, ranges: ranges.slice(0, rangesMax) }
  } catch (failure) {
    if (failure instanceof Malformed) return undefined
    throw failure
  }
}
