import { join } from 'node:path'
import SQLite, { type Database, type Statement } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { DATABASE_FILE, openReadOnly } from '../database.ts'
import { History } from './history.ts'
import { defineTables } from './tables.ts'

/** Texts and bytes of one result; it is cut beyond them. */
const RESULT_BYTES_MAX = 67_108_864

export type SqlValue = number | bigint | string | Uint8Array | null

export interface SqlResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly SqlValue[])[]
  /** There were more rows, or larger ones, than fit. */
  readonly cut: boolean
}

/**
 * Statements of people over a store: its own tables as they are, and `readings` and `buckets` (`defineTables`).
 *
 * They run on an empty database in memory that the store is attached to, both opened read-only: a statement over
 * `readings` and `buckets` alone holds no transaction on the store, however long it takes, for those read in pages on a
 * connection of their own. One over the store's own tables holds one until its last row, and the store's WAL grows
 * meanwhile: whoever runs it must be able to end it.
 */
export class SqlSession {
  readonly #database: Database
  readonly #pages: Database

  /** @throws OperatorError as `openReadOnly` does. */
  constructor(folder: string, clock: Clock) {
    this.#pages = openReadOnly(folder)
    const empty = new SQLite(':memory:')
    this.#database = new SQLite(empty.serialize(), { readonly: true })
    empty.close()
    this.#database.prepare('ATTACH ? AS edge').run(join(folder, DATABASE_FILE))
    defineTables(this.#database, new History(this.#pages), clock)
  }

  /** Runs one statement that reads. @throws OperatorError when it is none, or SQLite refuses it. */
  run(sql: string, rowsMax: number): SqlResult {
    return refusing(() => {
      const statement = this.#prepare(sql)
      const columns = statement.columns().map(({ name }) => name)
      const rows: SqlValue[][] = []
      let bytes = 0
      for (const row of statement.iterate()) {
        if (rows.length >= rowsMax || bytes > RESULT_BYTES_MAX) return { columns, rows, cut: true }
        for (const value of row) bytes += sizeOf(value)
        rows.push(row.map(plain))
      }
      return { columns, rows, cut: false }
    })
  }

  /** Its rows one by one: the statement is at work until the last one, or until somebody stops. @throws as `run` does. */
  rows(sql: string): Iterator<SqlValue[]> & Iterable<SqlValue[]> {
    return refusing(() => this.#prepare(sql).iterate())
  }

  #prepare(sql: string): Statement<[], SqlValue[]> {
    const statement = this.#database.prepare<[], SqlValue[]>(sql)
    if (statement.reader && statement.readonly) return statement.raw().safeIntegers()
    throw new OperatorError('only a single statement that reads is run', {
      remedy: 'begin it with SELECT or WITH; the store is changed by the edge alone',
      exitCode: Exit.USAGE,
    })
  }

  close(): void {
    this.#database.close()
    this.#pages.close()
  }
}

/** What SQLite says against a statement is for whoever wrote it. */
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

/** Integers are numbers where these hold them exactly. */
function plain(value: SqlValue): SqlValue {
  return typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value
}

function sizeOf(value: SqlValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0
}
