import { assert } from '../../base/errors.ts'
import type { Quality, Seq, SeqRange, Value } from '../../base/reading.ts'
import { COLUMN_ABS_MAX, type Layout } from './columns.ts'

const START_ROWS = 1_024

/** A value that is not a number. */
export type Other = Exclude<Value, number>

/** Readings in columns, indexed by the distance of their position from `first`. */
export interface Placed {
  readonly first: Seq
  /** Key of the series; 0: there is no reading at this position. */
  readonly series: Uint32Array
  readonly ts: Float64Array
  /** NaN: the value is in `others`. */
  readonly numbers: Float64Array
  readonly others: ReadonlyMap<number, Other>
  readonly quality: Uint8Array
  readonly reasons: Uint32Array
}

/**
 * Readings in order of arrival, in flat columns that grow and are reused. `arrange` sorts them by series; until then no
 * row is moved, and numbers are never boxed.
 */
export class Rows {
  #capacity = 0
  #slots = new Uint32Array(0)
  /** Columns in order of arrival. `other` is 0 if the value is a number, else its index in `others` plus one. */
  seq = new Float64Array(0)
  ts = new Float64Array(0)
  number = new Float64Array(0)
  other = new Uint32Array(0)
  quality = new Uint8Array(0)
  reasons = new Uint32Array(0)
  readonly others: Other[] = []
  /** Keys of the series in order of first appearance. */
  readonly keys: number[] = []
  ranges: SeqRange[] = []
  /** After `arrange`: the rows series by series, each series in order of arrival. */
  order = new Uint32Array(0)
  /** Indexed by the key of a series: its index in `keys` plus one; 0: not present. */
  #slotOf = new Uint32Array(0)
  #count = 0
  #rangeFirst: Seq = 0
  #lastSeq: Seq = 0

  get count(): number {
    return this.#count
  }

  add(seriesKey: number, seq: Seq, ts: number, value: Value, quality: Quality, reasons: number): void {
    assert(seq > this.#lastSeq && seq <= COLUMN_ABS_MAX, 'positions of readings ascend, from 1 to below 2^51')
    assert(Number.isInteger(ts) && Math.abs(ts) <= COLUMN_ABS_MAX, 'times are whole milliseconds below 2^51')
    if (this.#count === this.#capacity) this.#grow()
    const row = this.#count++
    this.#slots[row] = this.#slot(seriesKey)
    this.seq[row] = seq
    this.ts[row] = ts
    this.quality[row] = quality
    this.reasons[row] = reasons
    if (typeof value === 'number') {
      this.number[row] = value
      this.other[row] = 0
    } else {
      this.number[row] = 0
      this.other[row] = this.others.push(value)
    }
    this.#extendRange(seq)
  }

  /** Adds the readings from one place to another, both included, without creating an object for any of them. */
  addPlaced(placed: Placed, from: number, to: number): void {
    const { first, series, ts, numbers, others, quality, reasons } = placed
    assert(first + from > this.#lastSeq && first + to <= COLUMN_ABS_MAX, 'positions of readings ascend')
    while (this.#capacity < this.#count + to - from + 1) this.#grow()
    for (let at = from; at <= to; at++) {
      if (series[at] === 0) continue
      const row = this.#count++
      this.#slots[row] = this.#slot(series[at]!)
      this.seq[row] = first + at
      this.ts[row] = ts[at]!
      this.quality[row] = quality[at]!
      this.reasons[row] = reasons[at]!
      const number = numbers[at]!
      const isOther = Number.isNaN(number)
      this.number[row] = isOther ? 0 : number
      this.other[row] = isOther ? this.others.push(others.get(at)!) : 0
      this.#extendRange(first + at)
    }
  }

  #slot(seriesKey: number): number {
    if (seriesKey < this.#slotOf.length) {
      const slot = this.#slotOf[seriesKey]!
      if (slot > 0) return slot - 1
    } else {
      this.#slotOf = copyTo(new Uint32Array(Math.max(START_ROWS, 2 * seriesKey)), this.#slotOf)
    }
    this.#slotOf[seriesKey] = this.keys.push(seriesKey)
    return this.keys.length - 1
  }

  #extendRange(seq: Seq): void {
    if (seq !== this.#lastSeq + 1 || this.#count === 1) {
      if (this.#count > 1) this.ranges.push({ first: this.#rangeFirst, last: this.#lastSeq })
      this.#rangeFirst = seq
    }
    this.#lastSeq = seq
  }

  #grow(): void {
    const capacity = Math.max(START_ROWS, this.#capacity * 2)
    this.#slots = copyTo(new Uint32Array(capacity), this.#slots)
    this.seq = copyTo(new Float64Array(capacity), this.seq)
    this.ts = copyTo(new Float64Array(capacity), this.ts)
    this.number = copyTo(new Float64Array(capacity), this.number)
    this.other = copyTo(new Uint32Array(capacity), this.other)
    this.quality = copyTo(new Uint8Array(capacity), this.quality)
    this.reasons = copyTo(new Uint32Array(capacity), this.reasons)
    this.order = new Uint32Array(capacity)
    this.#capacity = capacity
  }

  /** Fills `order` by counting sort, and closes the last range. */
  arrange(): Layout {
    const seriesCount = this.keys.length
    const starts = new Uint32Array(seriesCount + 1)
    for (let row = 0; row < this.#count; row++) starts[this.#slots[row]! + 1]!++
    for (let s = 0; s < seriesCount; s++) starts[s + 1]! += starts[s]!
    const next = starts.slice(0, seriesCount)
    for (let row = 0; row < this.#count; row++) this.order[next[this.#slots[row]!]!++] = row
    if (this.#count > 0) this.ranges.push({ first: this.#rangeFirst, last: this.#lastSeq })
    return { seriesCount, starts }
  }

  /** Makes this ready for the next batch; `ranges` that were handed out stay unchanged. */
  clear(): void {
    this.#count = 0
    this.#lastSeq = 0
    this.ranges = []
    this.others.length = 0
    for (const key of this.keys) this.#slotOf[key] = 0
    this.keys.length = 0
  }
}

function copyTo<T extends Uint8Array | Uint32Array | Float64Array>(target: T, source: T): T {
  target.set(source)
  return target
}
