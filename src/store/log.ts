import type { Database, Statement } from 'better-sqlite3'
import type { Amendment, Quality, Seq, Value } from '../base/reading.ts'

/** Rows of one INSERT: measured twice as fast as row by row, with no more gain above 16. */
const ROWS_PER_INSERT = 16
const COLUMNS = 7

/** A row of the log as it is read back. */
export interface LogRow {
  readonly seq: Seq
  readonly series: number
  readonly ts: number
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
  readonly receivedAt: number
}

export type RawLogRow = [Seq, number, number, number | string | Buffer | null, Quality, number, number, 0 | 1]

/** The columns of a log row in the order of `RawLogRow`; the last one tells a boolean from a number. */
export const LOG_COLUMNS = `seq, series, ts, value, quality, reasons, received_at, typeof(value) = 'integer'`

/** The value of a raw row: SQLite's INTEGER is Tidegate's boolean. */
export function rowValue(row: RawLogRow): Value {
  return row[7] === 1 ? row[3] === 1 : row[3]
}

/** Appends readings inside a transaction of its owner. Rows wait for company; `flush` before reading or committing. */
export class LogWriter {
  readonly #insertMany: Statement<unknown[]>
  readonly #insertOne: Statement<unknown[]>
  readonly #amend: Statement<[number, number, number]>
  readonly #waiting: unknown[] = new Array(ROWS_PER_INSERT * COLUMNS)
  #filled = 0
  #lastSeq: Seq

  /** @param lastSeq the highest position ever given in this database. */
  constructor(database: Database, lastSeq: Seq) {
    const row = `(${Array(COLUMNS).fill('?').join(', ')})`
    this.#insertMany = database.prepare(`INSERT INTO log VALUES ${Array(ROWS_PER_INSERT).fill(row).join(', ')}`)
    this.#insertOne = database.prepare(`INSERT INTO log VALUES ${row}`)
    this.#amend = database.prepare('UPDATE log SET quality = ?, reasons = ? WHERE seq = ?')
    this.#lastSeq = lastSeq
  }

  get lastSeq(): Seq {
    return this.#lastSeq
  }

  /** Gives the next position to a reading. */
  append(
    series: number,
    ts: number,
    value: Value,
    verdict: { readonly quality: Quality; readonly reasons: number },
    receivedAt: number,
  ): Seq {
    const seq = ++this.#lastSeq
    const waiting = this.#waiting
    const at = this.#filled
    waiting[at] = seq
    waiting[at + 1] = series
    waiting[at + 2] = ts
    waiting[at + 3] = typeof value === 'boolean' ? BigInt(value) : value
    waiting[at + 4] = verdict.quality
    waiting[at + 5] = verdict.reasons
    waiting[at + 6] = receivedAt
    this.#filled = at + COLUMNS
    if (this.#filled === waiting.length) {
      this.#insertMany.run(...waiting)
      this.#filled = 0
    }
    return seq
  }

  /** Writes what waits. */
  flush(): void {
    for (let at = 0; at < this.#filled; at += COLUMNS) {
      this.#insertOne.run(...this.#waiting.slice(at, at + COLUMNS))
    }
    this.#filled = 0
  }

  /** Changes the verdict of a stored reading. */
  amend({ seq, quality, reasons }: Amendment): void {
    this.#amend.run(quality, reasons, seq)
  }
}
