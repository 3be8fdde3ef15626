import type { Database, Statement } from 'better-sqlite3'
import { assert } from '../base/errors.ts'
import type { Amendment, Quality, Seq, Value } from '../base/reading.ts'

/** Rows of one INSERT: measured twice as fast as row by row, without further gain above 16. */
const ROWS_PER_INSERT = 16
const COLUMNS = 7
/** Bytes that a row of the log takes on the disk, including its share of the page overhead. */
export const LOG_ROW_BYTES = 32

/** A row of the log. */
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

/** Columns of a log row in the order of `RawLogRow`; the last one distinguishes a boolean from a number. */
export const LOG_COLUMNS = `seq, series, ts, value, quality, reasons, received_at, typeof(value) = 'integer'`

/** The value of a raw row: an INTEGER of SQLite is a boolean of Tidegate. */
export function rowValue(row: RawLogRow): Value {
  return row[7] === 1 ? row[3] === 1 : row[3]
}

const TABLES = ['log_a', 'log_b'] as const
type LogTable = (typeof TABLES)[number]

/**
 * Appends readings inside a transaction of its owner. Rows are buffered; call `flush` before reading or committing.
 *
 * The log consists of two tables that take turns: one is open and takes new readings, the other is closed, is sealed
 * and is then cleared as a whole. Removing rows one by one dirties every page on its way to the free list, which writes
 * 40 bytes per reading; clearing a table touches no page. The view `log` shows both tables.
 */
export class LogWriter {
  readonly #insertMany: Readonly<Record<LogTable, Statement<unknown[]>>>
  readonly #insertOne: Readonly<Record<LogTable, Statement<unknown[]>>>
  readonly #amend: readonly Statement<[number, number, number]>[]
  readonly #trim: readonly Statement<[Seq]>[]
  readonly #highest: Readonly<Record<LogTable, Statement<[]>>>
  readonly #clear: Readonly<Record<LogTable, Statement<[]>>>
  readonly #waiting: unknown[] = new Array(ROWS_PER_INSERT * COLUMNS)
  #filled = 0
  #lastSeq: Seq
  #open: LogTable
  /** Highest position in the closed table; undefined: it is empty. */
  #closedLast: Seq | undefined

  /** @param lastSeq the highest position ever assigned in this database. */
  constructor(database: Database, lastSeq: Seq) {
    const row = `(${Array(COLUMNS).fill('?').join(', ')})`
    const perTable = <S>(make: (table: LogTable) => S): Record<LogTable, S> => ({
      log_a: make('log_a'),
      log_b: make('log_b'),
    })
    const rows = Array(ROWS_PER_INSERT).fill(row).join(', ')
    this.#insertMany = perTable((table) => database.prepare(`INSERT INTO ${table} VALUES ${rows}`))
    this.#insertOne = perTable((table) => database.prepare(`INSERT INTO ${table} VALUES ${row}`))
    this.#amend = TABLES.map((table) => database.prepare(`UPDATE ${table} SET quality = ?, reasons = ? WHERE seq = ?`))
    this.#trim = TABLES.map((table) => database.prepare(`DELETE FROM ${table} WHERE seq <= ?`))
    this.#highest = perTable((table) => database.prepare<[]>(`SELECT max(seq) FROM ${table}`).pluck())
    this.#clear = perTable((table) => database.prepare(`DELETE FROM ${table}`))
    this.#lastSeq = lastSeq
    const [a, b] = TABLES.map((table) => this.#highest[table].get() as Seq | null)
    this.#open = (b ?? 0) > (a ?? 0) ? 'log_b' : 'log_a'
    this.#closedLast = (this.#open === 'log_a' ? b : a) ?? undefined
  }

  get lastSeq(): Seq {
    return this.#lastSeq
  }

  /** Highest position in the closed table; undefined: it is empty. */
  get closedLast(): Seq | undefined {
    return this.#closedLast
  }

  /** Between transactions, while no table is closed: closes the open table; the next readings go into the empty one. */
  close(): void {
    assert(this.#closedLast === undefined && this.#filled === 0, 'one table of the log is closed at a time')
    this.#closedLast = (this.#highest[this.#open].get() as Seq | null) ?? undefined
    if (this.#closedLast !== undefined) this.#open = other(this.#open)
  }

  /**
   * Inside a transaction of its own, once the closed table is completely sealed. Call `cleared` when the transaction is
   * committed.
   */
  clearClosed(): void {
    this.#clear[other(this.#open)].run()
  }

  /**
   * Inside a transaction: removes sealed rows one by one, for a caller that cannot wait until the whole table is
   * sealed.
   */
  trim(sealedUpTo: Seq): void {
    for (const trim of this.#trim) trim.run(sealedUpTo)
  }

  cleared(): void {
    this.#closedLast = undefined
  }

  /** Appends a reading. @returns its position, the next one. */
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
    waiting[at + 6] = receivedAt - ts
    this.#filled = at + COLUMNS
    if (this.#filled === waiting.length) {
      this.#insertMany[this.#open].run(...waiting)
      this.#filled = 0
    }
    return seq
  }

  /** Writes the buffered rows. */
  flush(): void {
    for (let at = 0; at < this.#filled; at += COLUMNS) {
      this.#insertOne[this.#open].run(...this.#waiting.slice(at, at + COLUMNS))
    }
    this.#filled = 0
  }

  /** Changes the verdict of a stored reading. */
  amend({ seq, quality, reasons }: Amendment): void {
    for (const amend of this.#amend) amend.run(quality, reasons, seq)
  }
}

function other(table: LogTable): LogTable {
  return table === 'log_a' ? 'log_b' : 'log_a'
}
