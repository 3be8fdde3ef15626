import type { Item } from '../item.ts'
import { Places } from '../places.ts'
import { VerdictRuns } from '../verdicts.ts'
import { type Layout, pack, packSums } from './columns.ts'
import { DecimalChooser, packDoubles, scaled } from './numbers.ts'
import { planed } from './planes.ts'
import type { Other, Rows } from './rows.ts'

/**
 * Packs rows into the columns that batches and blocks have in common: counts, seq, ts, numbers, doubles, others,
 * verdicts (docs/wire-format.md). Reusable: it keeps its buffers.
 */
export class RowPacker {
  readonly #decimals = new DecimalChooser()
  readonly #verdicts = new VerdictRuns()
  /** One number for each row, series by series: scratch memory for one column at a time. */
  #x = new Float64Array(0)
  /** Values without a decimal form, and the rows that they belong to. */
  #doubles = new Float64Array(0)
  readonly #doublePlaces = new Places()
  readonly #otherPlaces = new Places()

  /** @param order the rows to pack, series by series as `layout` says. */
  pack(rows: Rows, order: Uint32Array, layout: Layout): Item[] {
    const count = layout.starts[layout.seriesCount]!
    this.#reserve(count)
    return [
      countsOf(layout),
      this.#packSums(rows.seq, order, layout),
      this.#packSums(rows.ts, order, layout),
      ...this.#packValues(rows, order, layout),
      this.#packVerdicts(rows, order, count),
    ]
  }

  #reserve(rows: number): void {
    if (this.#x.length >= rows) return
    this.#x = new Float64Array(rows * 2)
    this.#doubles = new Float64Array(rows * 2)
  }

  #packSums(column: Float64Array, order: Uint32Array, layout: Layout): Item[] {
    const count = layout.starts[layout.seriesCount]!
    for (let i = 0; i < count; i++) this.#x[i] = column[order[i]!]!
    const [heads, steps, residuals] = packSums(this.#x, layout)
    return [heads, steps, planed(residuals)]
  }

  /** The scaled numbers of all rows, then the doubles and other values that replace some of them. */
  #packValues(rows: Rows, order: Uint32Array, layout: Layout): Item[] {
    const exponents = new Float64Array(layout.seriesCount)
    const others: Other[] = []
    for (let s = 0; s < layout.seriesCount; s++) {
      exponents[s] = this.#scaleSeries(rows, order, layout.starts[s]!, layout.starts[s + 1]!, others)
    }
    const planes = packDoubles(this.#doubles, this.#doublePlaces.count)
    const [heads, steps, residuals, modes] = pack(this.#x, layout)
    return [
      [heads, steps, planed(residuals), modes, exponents],
      [this.#doublePlaces.take(), planes],
      [this.#otherPlaces.take(), others],
    ]
  }

  /**
   * Fills `x` with the scaled numbers of one series and returns their exponent. A value without a scaled number goes to
   * the exceptions, and the number before it fills its row.
   */
  #scaleSeries(rows: Rows, order: Uint32Array, from: number, to: number, others: Other[]): number {
    const { number, other, others: values } = rows
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

  #packVerdicts({ quality, reasons }: Rows, order: Uint32Array, count: number): number[] {
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
