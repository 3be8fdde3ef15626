import type { Database, Statement } from 'better-sqlite3'
import type { Amendment, Seq, SeqRange } from '../base/reading.ts'
import { addCount } from './counts.ts'
import { LOG_COLUMNS, type RawLogRow } from './log.ts'
import { type BlockTable, seriesOf } from './sealed/blocks.ts'
import type { Seal } from './sealed/seals.ts'
import { SealedWindow } from './sealed/window.ts'
import { LogStretch, type Stretch } from './stretch.ts'

/** Windows kept open: one for each of a few uplinks, and some for the readings that their answers are about. */
const WINDOWS_MAX = 4
const PAGE_ROWS = 4_096

/** Finds seals: the writer keeps them in memory, a reader reads them in its snapshot. */
export interface SealLookup {
  readonly sealedUpTo: Seq
  /** The first seal that ends at or after this position. */
  from(seq: Seq): Seal | undefined
}

interface Loading {
  readonly window: SealedWindow
  readonly steps: Generator<undefined, void, undefined>
}

/** Readings by position, whether they are in the log or sealed. */
export class Positions {
  readonly #seals: SealLookup
  readonly #blocks: BlockTable
  readonly #rows: Statement<[Seq, Seq, number]>
  readonly #count: Statement<[Seq, Seq]>
  /** The most recently used one is the last. */
  #windows: SealedWindow[] = []
  /** The next window reuses the memory of this one. */
  #spare: SealedWindow | undefined
  #loading: Loading | undefined

  constructor(database: Database, seals: SealLookup, blocks: BlockTable) {
    this.#seals = seals
    this.#blocks = blocks
    this.#rows = database
      .prepare(`SELECT ${LOG_COLUMNS} FROM log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?`)
      .raw() as Statement<[Seq, Seq, number]>
    this.#count = database
      .prepare('SELECT series, count(*) FROM log WHERE seq BETWEEN ? AND ? GROUP BY series')
      .raw() as Statement<[Seq, Seq]>
  }

  /**
   * The first readings of a range, ascending, at most `countMax`; fewer if the next ones are kept in another place
   * (another window, or the log). Undefined: there is none.
   */
  stretch({ first, last }: SeqRange, countMax: number): Stretch | undefined {
    for (let next = first; next <= last; ) {
      const seal = this.#sealAt(next)
      if (seal === undefined) {
        const rows = this.#rows.all(next, last, countMax) as RawLogRow[]
        return rows.length === 0 ? undefined : new LogStretch(rows)
      }
      if (seal.first > last) return undefined
      const window = this.#open(seal, Math.max(next, seal.first))
      const found = window.stretch({ first: next, last }, countMax)
      if (found !== undefined) return found
      next = window.last + 1
    }
    return undefined
  }

  /** The same as rows. */
  rows(range: SeqRange, countMax: number): RawLogRow[] {
    return this.stretch(range, countMax)?.rows() ?? []
  }

  /** All readings from a position on, read in pages. */
  *from(first: Seq, pageRows: number, last = Number.MAX_SAFE_INTEGER): Generator<RawLogRow> {
    for (let next = first; next <= last; ) {
      const rows = this.rows({ first: next, last }, pageRows)
      yield* rows
      if (rows.length === 0) return
      next = rows.at(-1)![0] + 1
    }
  }

  /** The same for sealed readings only. */
  sealedFrom(first: Seq): Generator<RawLogRow> {
    return this.from(first, PAGE_ROWS, this.#seals.sealedUpTo)
  }

  /**
   * Works for at most `budgetMs` on opening the window that `stretch` needs first, so that sending sealed readings
   * never delays a commit by the time of a whole window. @returns whether it is open: then `stretch` takes no time.
   */
  prepare(first: Seq, budgetMs: number): boolean {
    const seal = this.#sealAt(first)
    if (seal === undefined) return true
    const seq = Math.max(first, seal.first)
    if (this.#find(seal, seq) !== undefined) return true
    const end = performance.now() + budgetMs
    const { window, steps } = this.#begin(seal, seq)
    do {
      if (steps.next().done !== true) continue
      this.#keep(window)
      return true
    } while (performance.now() < end)
    return false
  }

  /** Number of readings of each series at these positions. */
  countBySeries(range: SeqRange): Map<number, number> {
    const counts = new Map<number, number>()
    const { sealedUpTo } = this.#seals
    for (let next = range.first; next <= Math.min(range.last, sealedUpTo); ) {
      const seal = this.#seals.from(next)
      if (seal === undefined || seal.first > range.last) break
      if (range.first <= seal.first && seal.last <= range.last) {
        for (const { id, readings } of this.#blocks.headsIn(seal)) addCount(counts, seriesOf(id), readings)
        next = seal.last + 1
      } else {
        const window = this.#open(seal, Math.max(next, seal.first))
        window.countBySeries(range, counts)
        next = window.last + 1
      }
    }
    const inLog = { first: Math.max(range.first, sealedUpTo + 1), last: range.last }
    for (const [series, count] of this.#count.all(inLog.first, inLog.last) as [number, number][]) {
      addCount(counts, series, count)
    }
    return counts
  }

  /** Number of readings at these positions. */
  count(range: SeqRange, lastSeq: Seq): number {
    const { sealedUpTo } = this.#seals
    let count = Math.max(0, Math.min(range.last, lastSeq) - Math.max(range.first, sealedUpTo + 1) + 1)
    for (let next = range.first; next <= Math.min(range.last, sealedUpTo); ) {
      const seal = this.#seals.from(next)
      if (seal === undefined || seal.first > range.last) break
      count += this.#countIn(seal, range)
      next = seal.last + 1
    }
    return count
  }

  #countIn(seal: Seal, range: SeqRange): number {
    const first = Math.max(range.first, seal.first)
    const last = Math.min(range.last, seal.last)
    const positions = last - first + 1
    if (seal.readings === seal.last - seal.first + 1) return positions
    if (positions === seal.last - seal.first + 1) return seal.readings
    return [...this.countBySeries({ first, last }).values()].reduce((sum, n) => sum + n, 0)
  }

  #sealAt(seq: Seq): Seal | undefined {
    return seq > this.#seals.sealedUpTo ? undefined : this.#seals.from(seq)
  }

  #find(seal: Seal, seq: Seq): SealedWindow | undefined {
    const at = this.#windows.findIndex((one) => one.seal === seal && one.first <= seq && seq <= one.last)
    if (at < 0) return undefined
    const [window] = this.#windows.splice(at, 1)
    this.#windows.push(window!)
    return window
  }

  #open(seal: Seal, seq: Seq): SealedWindow {
    const found = this.#find(seal, seq)
    if (found !== undefined) return found
    const { window, steps } = this.#begin(seal, seq)
    while (steps.next().done !== true);
    return this.#keep(window)
  }

  /** Continues with the window that is loading if it is the right one. */
  #begin(seal: Seal, seq: Seq): Loading {
    const loading = this.#loading
    if (loading?.window.seal === seal && loading.window.first <= seq && seq <= loading.window.last) return loading
    const window = new SealedWindow(seal, seq, this.#spare)
    this.#spare = undefined
    this.#loading = { window, steps: window.load(this.#blocks) }
    return this.#loading
  }

  #keep(window: SealedWindow): SealedWindow {
    this.#loading = undefined
    this.#windows.push(window)
    if (this.#windows.length > WINDOWS_MAX) this.#spare = this.#windows.shift()
    return window
  }

  /** A verdict of a sealed reading changed. */
  amend(verdict: Amendment): void {
    for (const window of this.#windows) window.amend(verdict)
    this.#loading?.window.amend(verdict)
  }

  /** After a failed transaction: open windows may contain changes that were rolled back. */
  forget(): void {
    this.#windows = []
    this.#loading = undefined
  }
}
