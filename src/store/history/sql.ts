import { join } from 'node:path'
import SQLite, { type Database, type Statement } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { DATABASE_FILE, openReadOnly } from '../database.ts'
import { History } from './history.ts'
import { missingSeries, type SeriesNames } from './missing-series.ts'
import { defineTables } from './tables.ts'

/** Maximum size of the texts and bytes in one result; the result is truncated beyond it. */
const RESULT_BYTES_MAX = 67_108_864

export type SqlValue = number | bigint | string | Uint8Array | null

export interface SqlResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly SqlValue[])[]
  /** There were more rows, or larger ones, than the limits allow. */
  readonly cut: boolean
  /** Why there are no rows, as text: a device or metric in the statement that the store does not know. */
  readonly missing: string | undefined
}

/**
 * Runs SQL statements of operators over a store: its own tables, and the tables `readings` and `buckets`
 * (`defineTables`).
 *
 * Statements run on an empty in-memory database to which the store is attached; both are opened read-only. A statement
 * over `readings` and `buckets` alone holds no transaction on the store, however long it takes, because these tables
 * read in pages on a connection of their own. A statement over the store's own tables holds a transaction until its
 * last row, and the store's WAL grows meanwhile: the caller must be able to abort it.
 */
export class SqlSession {
  readonly #database: Database
  readonly #pages: Database
  readonly #history: History
  /** The first names in the statement that no series has. */
  #missing: SeriesNames | undefined

  /** @throws OperatorError as `openReadOnly` does. */
  constructor(folder: string, clock: Clock) {
    this.#pages = openReadOnly(folder)
    const empty = new SQLite(':memory:')
    this.#database = new SQLite(empty.serialize(), { readonly: true })
    empty.close()
    this.#database.prepare('ATTACH ? AS edge').run(join(folder, DATABASE_FILE))
    this.#history = new History(this.#pages, clock)
    const onMissing = (names: SeriesNames): void => {
      this.#missing ??= names
    }
    defineTables(this.#database, this.#history, { clock, onMissing })
  }

  /** Runs one statement that only reads. @throws OperatorError when it does more, or SQLite refuses it. */
  run(sql: string, rowsMax: number): SqlResult {
    this.#missing = undefined
    return refusing(() => {
      const statement = this.#prepare(sql)
      const columns = statement.columns().map(({ name }) => name)
      const rows: SqlValue[][] = []
      let bytes = 0
      for (const row of statement.iterate()) {
        if (rows.length >= rowsMax || bytes > RESULT_BYTES_MAX) return { columns, rows, cut: true, missing: undefined }
        for (const value of row) bytes += sizeOf(value)
        rows.push(row.map(plain))
      }
      const names = rows.length === 0 ? this.#missing : undefined
      return { columns, rows, cut: false, missing: names && missingSeries(this.#history, names) }
    })
  }

  /**
   * The rows of a statement, one by one. The statement runs until the last row, or until the caller stops. @throws as
   * `run` does.
   */
  rows(sql: string): Iterator<SqlValue[]> & Iterable<SqlValue[]> {
    return refusing(() => this.#prepare(sql).iterate())
  }

  #prepare(sql: string): Statement<[], SqlValue[]> {
    const statement = this.#database.prepare<[], SqlValue[]>(sql)
    if (statement.reader && statement.readonly) return statement.raw().safeIntegers()
    throw new OperatorError('only a single statement that reads can be run', {
      remedy: 'begin it with SELECT or WITH; only the edge changes the store',
      exitCode: Exit.USAGE,
    })
  }

  close(): void {
    this.#database.close()
    this.#pages.close()
  }
}

/** Reports errors of SQLite to the author of the statement. */
function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (failure) {
    const isSql = codeOf(failure)?.startsWith('SQLITE_') === true || failure instanceof RangeError
    if (failure instanceof OperatorError || !isSql) throw failure
    throw new OperatorError(`SQLite refuses the statement: ${messageOf(failure)}`, {
      remedy: 'see `tidegate sql --help` for the tables and their columns',
      cause: failure,
    })
  }
}

/** Converts an integer to a number if that is exact. */
function plain(value: SqlValue): SqlValue {
  return typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value
}

function sizeOf(value: SqlValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0
}
