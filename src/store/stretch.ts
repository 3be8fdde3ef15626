import type { Seq, SeqRange } from '../base/reading.ts'
import type { BatchBuilder } from '../codec/batch.ts'
import { type RawLogRow, rowValue } from './log.ts'

/** Readings of a range of positions, ascending, at least one; positions between them have no reading (any more). */
export interface Stretch extends SeqRange {
  /** Number of readings. */
  readonly count: number
  /** Arrival of the first one (UTC ms). */
  readonly oldestAt: number
  rows(): RawLogRow[]
  /** The first ones, at most `countMax`. */
  head(countMax: number): Stretch
  /**
   * The readings before the first that arrived after `since` and not after `now` (both UTC ms): an arrival after `now`
   * comes from a clock that was wrong. Undefined: there is none.
   */
  before(since: number, now: number): Stretch | undefined
  addTo(builder: BatchBuilder): void
}

/** A stretch of the log. */
export class LogStretch implements Stretch {
  readonly #rows: RawLogRow[]

  constructor(rows: RawLogRow[]) {
    this.#rows = rows
  }

  get first(): Seq {
    return this.#rows[0]![0]
  }

  get last(): Seq {
    return this.#rows.at(-1)![0]
  }

  get count(): number {
    return this.#rows.length
  }

  get oldestAt(): number {
    return this.#rows[0]![6]
  }

  rows(): RawLogRow[] {
    return this.#rows
  }

  head(countMax: number): Stretch {
    return countMax >= this.count ? this : new LogStretch(this.#rows.slice(0, countMax))
  }

  before(since: number, now: number): Stretch | undefined {
    const young = this.#rows.findIndex((row) => row[6] > since && row[6] <= now)
    if (young === 0) return undefined
    return young < 0 ? this : this.head(young)
  }

  addTo(builder: BatchBuilder): void {
    for (const row of this.#rows) builder.add(row[1], row[0], row[2], rowValue(row), row[4], row[5])
  }
}
