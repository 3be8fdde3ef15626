import type { Database, Statement } from 'better-sqlite3'
import type { Amendment } from '../../base/reading.ts'

/** A changed verdict, and the series of its reading. */
export interface OverlaidVerdict extends Amendment {
  readonly series: number
}

/**
 * Verdicts that changed after their readings were sealed. They are stored separately from the blocks, and applied
 * whenever a block is opened: repacking a block for each of them would write a thousand times as much. Merging packs
 * them into the new block.
 */
export class VerdictTable {
  readonly #put: Statement<[number, number, number, number]>
  readonly #drop: Statement<[number, number]>
  readonly #dropSeries: Statement<[number, number, number]>
  readonly #count: Statement<[]>

  constructor(database: Database) {
    this.#put = database.prepare('INSERT OR REPLACE INTO verdicts (seq, series, quality, reasons) VALUES (?, ?, ?, ?)')
    this.#drop = database.prepare('DELETE FROM verdicts WHERE seq BETWEEN ? AND ?')
    this.#dropSeries = database.prepare('DELETE FROM verdicts WHERE seq BETWEEN ? AND ? AND series = ?')
    this.#count = database.prepare('SELECT count(*) FROM verdicts').pluck()
  }

  get count(): number {
    return this.#count.get() as number
  }

  put({ seq, series, quality, reasons }: OverlaidVerdict): void {
    this.#put.run(seq, series, quality, reasons)
  }

  /** Deletes the verdicts at these positions, of one series or of all. */
  drop({ first, last }: { first: number; last: number }, series?: number): void {
    if (series === undefined) this.#drop.run(first, last)
    else this.#dropSeries.run(first, last, series)
  }
}
