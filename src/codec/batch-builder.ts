import { assert } from '../base/errors.ts'
import type { Quality, Seq, SeqRange, Value } from '../base/reading.ts'
import { type Column, type Layout, pack, packSums } from './columns.ts'
import { encodeItem, type Item } from './item.ts'
import { DecimalChooser, packDoubles, scaled } from './numbers.ts'
import type { Origin } from './origin.ts'
import { Places } from './places.ts'
import { type Other, Rows } from './rows.ts'
import { VerdictRuns } from './verdicts.ts'
import { compress } from './zstd.ts'

export const BATCH_VERSION = 1
/** Items of the outermost array. */
export const BATCH_ITEMS = 14

/** What a series is called outside. */
export interface SeriesName {
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
}

export interface BuiltBatch {
  readonly bytes: Uint8Array
  /** The positions of its readings. */
  readonly ranges: SeqRange[]
  /** Readings. */
  readonly count: number
  readonly seriesCount: number
  readonly deviceCount: number
}

/**
 * Gathers readings and packs them into one batch (docs/wire-format.md). Used again and again: after `build` it is
 * empty, its buffers stay.
 */
export class BatchBuilder {
  readonly origin: Origin
  readonly #rows = new Rows()
  readonly #decimals = new DecimalChooser()
  readonly #verdicts = new VerdictRuns()
  /** One number for each row, series by series: scratch of one column after the other. */
  #x = new Float64Array(0)
  /** The values that have no decimal form, and the rows that they belong to. */
  #doubles = new Float64Array(0)
  readonly #doublePlaces = new Places()
  readonly #otherPlaces = new Places()

  constructor(origin: Origin) {
    this.origin = origin
  }

  /** Readings since the last `build`. */
  get count(): number {
    return this.#rows.count
  }

  /**
   * Takes one reading. `seriesKey` is the caller's number for (device, metric, unit); `seq` is above that of the
   * reading before; `ts` is whole milliseconds; both below 2^51. Text is kept as UTF-8 keeps it.
   */
  add(seriesKey: number, seq: Seq, ts: number, value: Value, quality: Quality, reasons: number): void {
    this.#rows.add(seriesKey, seq, ts, value, quality, reasons)
  }

  /** Packs what was added, at least one reading. `describe` is asked once for each series. */
  build(describe: (seriesKey: number) => SeriesName): BuiltBatch {
    const rows = this.#rows
    const { edge, epoch, run } = this.origin
    assert(rows.count > 0, 'a batch has at least one reading')
    const names = rows.keys.map(describe)
    const layout = rows.arrange()
    const devices = names.map(({ device }) => device)
    this.#reserve(rows.count)
    const item = encodeItem([
      BATCH_VERSION,
      edge,
      epoch,
      run,
      devices,
      names.map(({ metric }) => metric),
      names.map(({ unit }) => unit ?? null),
      countsOf(layout),
      this.#packSums(rows.seq, layout),
      this.#packSums(rows.ts, layout),
      ...this.#packValues(layout),
      this.#packVerdicts(),
    ])
    const { ranges, count } = rows
    rows.clear()
    const { seriesCount } = layout
    return { bytes: compress(item), ranges, count, seriesCount, deviceCount: new Set(devices).size }
  }

  #reserve(rows: number): void {
    if (this.#x.length >= rows) return
    this.#x = new Float64Array(rows * 2)
    this.#doubles = new Float64Array(rows * 2)
  }

  #packSums(column: Float64Array, layout: Layout): Column {
    const { order, count } = this.#rows
    for (let i = 0; i < count; i++) this.#x[i] = column[order[i]!]!
    return packSums(this.#x, layout)
  }

  /** Scaled numbers of all rows, then the doubles and the other values that take the place of some of them. */
  #packValues(layout: Layout): Item[] {
    const exponents = new Float64Array(layout.seriesCount)
    const others: Other[] = []
    for (let s = 0; s < layout.seriesCount; s++) {
      exponents[s] = this.#scaleSeries(layout.starts[s]!, layout.starts[s + 1]!, others)
    }
    const planes = packDoubles(this.#doubles, this.#doublePlaces.count)
    return [
      [...pack(this.#x, layout), exponents],
      [this.#doublePlaces.take(), planes],
      [this.#otherPlaces.take(), others],
    ]
  }

  /**
   * Fills `x` with the scaled numbers of one series and returns their exponent. Where there is none the one before
   * stands in, and the value goes to the exceptions.
   */
  #scaleSeries(from: number, to: number, others: Other[]): number {
    const { order, number, other, others: values } = this.#rows
    const x = this.#x
    for (let i = from; i < to; i++) x[i] = number[order[i]!]!
    const exponent = this.#decimals.choose(x, from, to)
    let last = 0
    for (let i = from; i < to; i++) {
      const otherIndex = other[order[i]!]!
      const whole = exponent === undefined ? Number.NaN : scaled(x[i]!, exponent)
      if (otherIndex > 0) {
        this.#otherPlaces.add(i)
        others.push(values[otherIndex - 1]!)
      } else if (Number.isNaN(whole)) {
        this.#doubles[this.#doublePlaces.count] = x[i]!
        this.#doublePlaces.add(i)
      } else {
        last = whole
      }
      x[i] = last
    }
    return exponent ?? 0
  }

  #packVerdicts(): number[] {
    const { order, quality, reasons, count } = this.#rows
    for (let i = 0; i < count; i++) this.#verdicts.add(quality[order[i]!]!, reasons[order[i]!]!)
    return this.#verdicts.take()
  }
}

/** How many readings each series has. */
function countsOf({ seriesCount, starts }: Layout): Float64Array {
  const counts = new Float64Array(seriesCount)
  for (let s = 0; s < seriesCount; s++) counts[s] = starts[s + 1]! - starts[s]!
  return counts
}
