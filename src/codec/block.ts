import { assert } from '../base/errors.ts'
import { doAll } from '../base/loop/steps.ts'
import type { Value } from '../base/reading.ts'
import type { DecodeLimits } from './batch-decoder.ts'
import { frame, unframe } from './block-frame.ts'
import { checkRising, readRowColumns } from './columns/row-columns.ts'
import { RowPacker } from './columns/row-packer.ts'
import { Rows } from './columns/rows.ts'
import { encodeItem } from './item.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

export { Rows }

const BLOCK_VERSION = 1
const BLOCK_ITEMS = 8

/** The readings of one series without its names, in ascending `seq`. All columns have the same length, at least one. */
export interface BlockColumns {
  readonly seq: Float64Array
  /** UTC milliseconds, in any order. */
  readonly ts: Float64Array
  readonly values: readonly Value[]
  /** QARTOD flags: 1, 2, 3, 4 or 9. */
  readonly quality: Uint8Array
  readonly reasons: Uint32Array
}

export type DecodedBlock =
  | { readonly ok: true; readonly columns: BlockColumns }
  | { readonly ok: false; readonly reason: string }

/** Packs readings of one series for the store: the columns of a batch without any name, numbers as byte planes. */
export class BlockPacker {
  readonly #packer = new RowPacker()

  /** @param order rows of one series in ascending `seq`, at least one. */
  pack(rows: Rows, order: Uint32Array): Uint8Array {
    assert(order.length > 0, 'a block has at least one reading')
    const layout = { seriesCount: 1, starts: Uint32Array.of(0, order.length) }
    return frame(encodeItem([BLOCK_VERSION, ...this.#packer.pack(rows, order, layout)]))
  }
}

/** Decodes a block. Never throws, whatever the bytes are; the limits bound time and memory. */
export function unpackBlock(bytes: Uint8Array, limits: DecodeLimits): DecodedBlock {
  try {
    return { ok: true, columns: readBlock(new ItemReader(unframe(bytes, limits.bytesMax)), limits.readingsMax) }
  } catch (failure) {
    if (failure instanceof Malformed) return { ok: false, reason: failure.message }
    throw failure
  }
}

function readBlock(cbor: ItemReader, readingsMax: number): BlockColumns {
  cbor.arrayOf(BLOCK_ITEMS, 'block')
  const version = cbor.uint('version')
  if (version !== BLOCK_VERSION) throw new Malformed(`version ${version} instead of ${BLOCK_VERSION}`)
  const { layout, ...columns } = doAll(readRowColumns(cbor, 1, readingsMax))
  cbor.end()
  checkRising(columns.seq, layout)
  return columns
}
