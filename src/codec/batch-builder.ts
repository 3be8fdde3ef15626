import { assert } from '../base/errors.ts'
import type { Quality, Seq, SeqRange, Value } from '../base/reading.ts'
import { COLUMN_ABS_MAX } from './columns.ts'
import { encodeItem } from './item.ts'
import type { Origin } from './origin.ts'
import { RowPacker } from './row-packer.ts'
import { type Placed, Rows } from './rows.ts'
import { compress } from './zstd.ts'

export const BATCH_VERSION = 3
/** The same, but what lies between its positions and is not in it does not exist (any more). */
export const COVERING_BATCH_VERSION = 4
/** Items of the outermost array; a batch that covers more than lies between its own positions has one more, the range. */
export const BATCH_ITEMS = 14

/** What a series is called outside. */
export interface SeriesName {
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
}

/** What a batch covers: nothing, the gaps between its positions, or a whole range. */
export type Covers = boolean | SeqRange

export interface BuiltBatch {
  readonly bytes: Uint8Array
  /** The positions of its readings, without those that it covers. */
  readonly ranges: SeqRange[]
  /** Readings. */
  readonly count: number
  readonly deviceCount: number
  /** Readings of each series, by the caller's number for it. */
  readonly bySeries: ReadonlyMap<number, number>
}

/**
 * Gathers readings and packs them into one batch (docs/wire-format.md). Used again and again: after `build` it is
 * empty, its buffers stay.
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
   * Takes one reading. `seriesKey` is the caller's small number for (device, metric, unit); `seq` is above that of the
   * reading before; `ts` is whole milliseconds; both below 2^51. Text is kept as UTF-8 keeps it.
   */
  add(seriesKey: number, seq: Seq, ts: number, value: Value, quality: Quality, reasons: number): void {
    this.#rows.add(seriesKey, seq, ts, value, quality, reasons)
  }

  /** The same of the readings that lie between two places of some columns, both included. */
  addPlaced(placed: Placed, from: number, to: number): void {
    this.#rows.addPlaced(placed, from, to)
  }

  /**
   * Packs what was added, at least one reading. `describe` is asked once for each series. With `covers` the batch says
   * that positions between its own which it does not have were removed: nobody waits for them. With a range it says so
   * of the positions of that range, in which all of its own lie; then there need not be any reading.
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

/** The range that must be told, because the positions do not tell it by themselves. */
function rangeBeyond(covers: Covers, own: readonly SeqRange[]): SeqRange | undefined {
  if (typeof covers === 'boolean') return undefined
  const { first, last } = covers
  const lowest = own[0]?.first ?? first
  const highest = own.at(-1)?.last ?? last
  assert(first >= 1 && first <= lowest && highest <= last && last <= COLUMN_ABS_MAX, 'a batch lies in what it covers')
  return own.length > 0 && first === lowest && last === highest ? undefined : covers
}
