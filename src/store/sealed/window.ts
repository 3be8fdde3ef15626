import type { Amendment, Quality, Seq, SeqRange } from '../../base/reading.ts'
import type { BatchBuilder } from '../../codec/batch.ts'
import type { Other, Placed } from '../../codec/columns/rows.ts'
import type { RawLogRow } from '../log.ts'
import type { Stretch } from '../stretch.ts'
import { type BlockTable, idsOf, seriesOf } from './blocks.ts'
import type { Seal } from './seals.ts'

/** Number of positions in a window: the usual length of a stretch of the log when it is sealed. */
export const WINDOW_POSITIONS = 65_536
const PAGE_BLOCKS = 64

/** The memory of a window; reused when the window is not needed any more. */
class Columns {
  readonly series: Uint32Array
  readonly ts: Float64Array
  readonly numbers: Float64Array
  readonly quality: Uint8Array
  readonly reasons: Uint32Array

  constructor(size: number) {
    this.series = new Uint32Array(size)
    this.ts = new Float64Array(size)
    this.numbers = new Float64Array(size)
    this.quality = new Uint8Array(size)
    this.reasons = new Uint32Array(size)
  }
}

/**
 * Sealed readings in order of their positions, as they were in the log. They are kept in columns because most of them
 * are only passed on.
 */
export class SealedWindow implements SeqRange, Placed {
  readonly seal: Seal
  readonly first: Seq
  readonly last: Seq
  readonly others = new Map<number, Other>()
  readonly #columns: Columns

  /**
   * Creates the window of a seal that contains a position; empty until it is loaded.
   * @param spare a window that is not used any more: this one takes over its memory
   */
  constructor(seal: Seal, seq: Seq, spare?: SealedWindow) {
    const offset = Math.floor((seq - seal.first) / WINDOW_POSITIONS) * WINDOW_POSITIONS
    this.seal = seal
    this.first = seal.first + offset
    this.last = Math.min(seal.last, this.first + WINDOW_POSITIONS - 1)
    const size = this.last - this.first + 1
    const fits = spare !== undefined && spare.series.length >= size
    this.#columns = fits ? spare.#columns : new Columns(size)
    if (fits) this.series.fill(0)
  }

  get series(): Uint32Array {
    return this.#columns.series
  }

  get ts(): Float64Array {
    return this.#columns.ts
  }

  get numbers(): Float64Array {
    return this.#columns.numbers
  }

  get quality(): Uint8Array {
    return this.#columns.quality
  }

  get reasons(): Uint32Array {
    return this.#columns.reasons
  }

  /** Opens the blocks and yields between them, so that other work can run. @throws DamagedBlock */
  *load(blocks: BlockTable): Generator<undefined, void, undefined> {
    const ids = idsOf(this.seal)
    for (let next = ids.first; ; ) {
      const page = blocks.page(next, ids.last, PAGE_BLOCKS)
      for (const block of page) {
        if (block.seqFirst > this.last || block.seqLast < this.first) continue
        const { seq, ts, values, quality, reasons } = blocks.open(block)
        const series = seriesOf(block.id)
        const columns = this.#columns
        for (let i = 0; i < seq.length; i++) {
          if (seq[i]! < this.first || seq[i]! > this.last) continue
          const at = seq[i]! - this.first
          columns.series[at] = series
          columns.ts[at] = ts[i]!
          const value = values[i]!
          if (typeof value === 'number') columns.numbers[at] = value
          else {
            columns.numbers[at] = Number.NaN
            this.others.set(at, value)
          }
          columns.quality[at] = quality[i]!
          columns.reasons[at] = reasons[i]!
        }
        yield
      }
      if (page.length < PAGE_BLOCKS) return
      next = page.at(-1)!.id + 1
    }
  }

  /** The first readings at these positions, at most `countMax`. Undefined: there is none. */
  stretch({ first, last }: SeqRange, countMax: number): Stretch | undefined {
    const end = Math.min(last, this.last) - this.first
    let from = Math.max(first, this.first) - this.first
    while (from <= end && this.series[from] === 0) from++
    if (from > end) return undefined
    let to = from
    let count = 1
    for (let at = from + 1; at <= end && count < countMax; at++) {
      if (this.series[at] === 0) continue
      to = at
      count++
    }
    return new SealedStretch(this, { from, to, count })
  }

  row(at: number): RawLogRow {
    const value = this.others.has(at) ? this.others.get(at)! : this.numbers[at]!
    const isBoolean = typeof value === 'boolean'
    return [
      this.first + at,
      this.series[at]!,
      this.ts[at]!,
      isBoolean ? Number(value) : (value as RawLogRow[3]),
      this.quality[at] as Quality,
      this.reasons[at]!,
      this.seal.receivedLast,
      isBoolean ? 1 : 0,
    ]
  }

  amend({ seq, quality, reasons }: Amendment): void {
    if (seq < this.first || seq > this.last) return
    this.quality[seq - this.first] = quality
    this.reasons[seq - this.first] = reasons
  }

  /** Adds the number of readings of each series at these positions to `counts`. */
  countBySeries({ first, last }: SeqRange, counts: Map<number, number>): void {
    const end = Math.min(last, this.last) - this.first
    for (let at = Math.max(first, this.first) - this.first; at <= end; at++) {
      const series = this.series[at]!
      if (series !== 0) counts.set(series, (counts.get(series) ?? 0) + 1)
    }
  }
}

/**
 * A stretch of a window; both ends have a reading. The arrival of its readings is taken to be that of the last one of
 * the seal.
 */
class SealedStretch implements Stretch {
  readonly #window: SealedWindow
  readonly #from: number
  readonly #to: number
  readonly count: number

  constructor(window: SealedWindow, { from, to, count }: { from: number; to: number; count: number }) {
    this.#window = window
    this.#from = from
    this.#to = to
    this.count = count
  }

  get first(): Seq {
    return this.#window.first + this.#from
  }

  get last(): Seq {
    return this.#window.first + this.#to
  }

  get oldestAt(): number {
    return this.#window.seal.receivedLast
  }

  rows(): RawLogRow[] {
    const rows: RawLogRow[] = []
    for (let at = this.#from; at <= this.#to; at++) {
      if (this.#window.series[at] !== 0) rows.push(this.#window.row(at))
    }
    return rows
  }

  head(countMax: number): Stretch {
    return countMax >= this.count ? this : this.#window.stretch(this, countMax)!
  }

  before(since: number, now: number): Stretch | undefined {
    return this.oldestAt > since && this.oldestAt <= now ? undefined : this
  }

  addTo(builder: BatchBuilder): void {
    builder.addPlaced(this.#window, this.#from, this.#to)
  }
}
