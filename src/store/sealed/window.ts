import type { Amendment, Quality, Seq, SeqRange, Value } from '../../base/reading.ts'
import type { RawLogRow } from '../log.ts'
import { type BlockTable, idsOf, seriesOf } from './blocks.ts'
import type { Seal } from './seals.ts'

/** Positions that a window spans: as many as a stretch of the log usually has when it is sealed. */
export const WINDOW_POSITIONS = 65_536
const PAGE_BLOCKS = 64

/** Sealed readings in the order of their positions, as the log had them. */
export class SealedWindow implements SeqRange {
  readonly seal: Seal
  readonly first: Seq
  readonly last: Seq
  /** By distance from `first`; series 0: there is no such reading (any more). */
  readonly #series: Uint32Array
  readonly #ts: Float64Array
  readonly #values: Value[]
  readonly #quality: Uint8Array
  readonly #reasons: Uint32Array

  /** The window of a seal that holds a position; empty until it is loaded. */
  constructor(seal: Seal, seq: Seq) {
    const offset = Math.floor((seq - seal.first) / WINDOW_POSITIONS) * WINDOW_POSITIONS
    this.seal = seal
    this.first = seal.first + offset
    this.last = Math.min(seal.last, this.first + WINDOW_POSITIONS - 1)
    const size = this.last - this.first + 1
    this.#series = new Uint32Array(size)
    this.#ts = new Float64Array(size)
    this.#values = new Array<Value>(size)
    this.#quality = new Uint8Array(size)
    this.#reasons = new Uint32Array(size)
  }

  /** Opens the blocks; yields between them, so that others may come in between. @throws DamagedBlock */
  *load(blocks: BlockTable): Generator<undefined, void, undefined> {
    const ids = idsOf(this.seal)
    for (let next = ids.first; ; ) {
      const page = blocks.page(next, ids.last, PAGE_BLOCKS)
      for (const block of page) {
        if (block.seqFirst > this.last || block.seqLast < this.first) continue
        const { seq, ts, values, quality, reasons } = blocks.open(block)
        const series = seriesOf(block.id)
        for (let i = 0; i < seq.length; i++) {
          const at = seq[i]! - this.first
          if (at < 0 || at >= this.#series.length) continue
          this.#series[at] = series
          this.#ts[at] = ts[i]!
          this.#values[at] = values[i]!
          this.#quality[at] = quality[i]!
          this.#reasons[at] = reasons[i]!
        }
        yield
      }
      if (page.length < PAGE_BLOCKS) return
      next = page.at(-1)!.id + 1
    }
  }

  /** The readings of these positions, ascending, at most so many. Their arrival is that of the seal's last one. */
  rows({ first, last }: SeqRange, countMax: number): RawLogRow[] {
    const rows: RawLogRow[] = []
    const end = Math.min(last, this.last) - this.first
    for (let at = Math.max(first, this.first) - this.first; at <= end && rows.length < countMax; at++) {
      const series = this.#series[at]!
      if (series === 0) continue
      const value = this.#values[at]!
      const isBoolean = typeof value === 'boolean'
      rows.push([
        this.first + at,
        series,
        this.#ts[at]!,
        isBoolean ? Number(value) : (value as RawLogRow[3]),
        this.#quality[at] as Quality,
        this.#reasons[at]!,
        this.seal.receivedLast,
        isBoolean ? 1 : 0,
      ])
    }
    return rows
  }

  amend({ seq, quality, reasons }: Amendment): void {
    if (seq < this.first || seq > this.last) return
    this.#quality[seq - this.first] = quality
    this.#reasons[seq - this.first] = reasons
  }

  /** How many readings of each series have these positions. */
  countBySeries({ first, last }: SeqRange, counts: Map<number, number>): void {
    const end = Math.min(last, this.last) - this.first
    for (let at = Math.max(first, this.first) - this.first; at <= end; at++) {
      const series = this.#series[at]!
      if (series !== 0) counts.set(series, (counts.get(series) ?? 0) + 1)
    }
  }
}
