import type { Database, Statement } from 'better-sqlite3'
import type { Amendment } from '../../base/reading.ts'

/** A changed verdict, and the series of its reading. */
export interface OverlaidVerdict extends Amendment {
  readonly series: number
}

/**
 * Verdicts that changed after their readings had been sealed. They lie beside the blocks, and whoever opens a block puts
 * them in: to pack a block anew for each would write a thousand times as much. Merging takes them into the new block.
 */
export class Verdicts {
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

  /** Of these positions none is needed any more, of one series or of all. */
  drop({ first, last }: { first: number; last: number }, series?: number): void {
    if (series === undefined) this.#drop.run(first, last)
    else this.#dropSeries.run(first, last, series)
  }
}
