import { assert } from '../base/errors.ts'
import type { Quality, Seq, SeqRange, Value } from '../base/reading.ts'
import { COLUMN_ABS_MAX } from './columns/columns.ts'
import { RowPacker } from './columns/row-packer.ts'
import { type Placed, Rows } from './columns/rows.ts'
import { encodeItem } from './item.ts'
import type { Origin } from './origin.ts'
import { compress } from './zstd.ts'

export const BATCH_VERSION = 3
/** The same, but this batch also declares that positions between its own that it does not contain hold no reading. */
export const COVERING_BATCH_VERSION = 4
/**
 * Items of the outermost array. A batch that covers more than the gaps between its own positions has one more item, the
 * covered range.
 */
export const BATCH_ITEMS = 14

/** The name of a series outside this edge. */
export interface SeriesName {
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
}

/** What a batch covers: nothing (false), the gaps between its positions (true), or a whole range. */
export type Covers = boolean | SeqRange

export interface BuiltBatch {
  readonly bytes: Uint8Array
  /** Positions of its readings, without those that it only covers. */
  readonly ranges: SeqRange[]
  /** Number of readings. */
  readonly count: number
  readonly deviceCount: number
  /** Number of readings of each series, by the caller's key of the series. */
  readonly bySeries: ReadonlyMap<number, number>
}

/**
 * Collects readings and packs them into one batch (docs/wire-format.md). Reusable: `build` leaves it empty and keeps
 * its buffers.
 */
export class BatchBuilder {
  readonly origin: Origin
  readonly #rows = new Rows()
  readonly #packer = new RowPacker()

  constructor(origin: Origin) {
    this.origin = origin
  }

  /** Readings since the last `build`. */
  get count(): number {
    return this.#rows.count
  }

  /**
   * Adds one reading. `seriesKey` is the caller's small number for (device, metric, unit); `seq` must be higher than
   * that of the reading before; `ts` is whole milliseconds; both are below 2^51. A lone surrogate in a text becomes
   * U+FFFD.
   */
  add(seriesKey: number, seq: Seq, ts: number, value: Value, quality: Quality, reasons: number): void {
    this.#rows.add(seriesKey, seq, ts, value, quality, reasons)
  }

  /** Adds the readings between two places of some columns, both included. */
  addPlaced(placed: Placed, from: number, to: number): void {
    this.#rows.addPlaced(placed, from, to)
  }

  /**
   * Packs the readings that were added, at least one. `describe` is called once for each series. With `covers` set to
   * true, the batch declares that positions between its own that it does not contain were removed, so that the receiver
   * does not wait for them. With a range, it declares this for all positions of the range, which must contain all of
   * its own; then the batch may have no reading.
   */
  build(describe: (seriesKey: number) => SeriesName, { covers = false }: { covers?: Covers } = {}): BuiltBatch {
    const rows = this.#rows
    const { edge, epoch, run } = this.origin
    const names = rows.keys.map(describe)
    const layout = rows.arrange()
    const range = rangeBeyond(covers, rows.ranges)
    assert(rows.count > 0 || range !== undefined, 'a batch has at least one reading, or a range without any')
    const devices = names.map(({ device }) => device)
    const item = encodeItem([
      covers ? COVERING_BATCH_VERSION : BATCH_VERSION,
      edge,
      epoch,
      run,
      devices,
      names.map(({ metric }) => metric),
      names.map(({ unit }) => unit ?? null),
      ...this.#packer.pack(rows, rows.order, layout),
      ...(range === undefined ? [] : [[range.first, range.last - range.first]]),
    ])
    const { ranges, count } = rows
    const bySeries = new Map(rows.keys.map((key, s) => [key, layout.starts[s + 1]! - layout.starts[s]!]))
    rows.clear()
    return { bytes: compress(item), ranges, count, bySeries, deviceCount: new Set(devices).size }
  }
}

/** The range that must be written, because the positions of the readings do not imply it. */
function rangeBeyond(covers: Covers, own: readonly SeqRange[]): SeqRange | undefined {
  if (typeof covers === 'boolean') return undefined
  const { first, last } = covers
  const lowest = own[0]?.first ?? first
  const highest = own.at(-1)?.last ?? last
  assert(
    first >= 1 && first <= lowest && highest <= last && last <= COLUMN_ABS_MAX,
    'all positions of a batch lie in the range that it covers',
  )
  return own.length > 0 && first === lowest && last === highest ? undefined : covers
}
