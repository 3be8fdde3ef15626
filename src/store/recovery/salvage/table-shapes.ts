import type { Database } from 'better-sqlite3'
import type { Row } from './btree-page.ts'
import type { Field } from './record.ts'

interface Column {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  /** Rows that were written before the column was added end before it. */
  readonly optional: boolean
}

/** The form of a table's rows on the disk; identifies the rows of pages that no tree leads to. */
export interface TableShape {
  readonly name: string
  /** Stored by key, without row ids. */
  readonly keyed: boolean
  /** In the order of the record. */
  readonly columns: readonly Column[]
  /** Index of the column that is the row id. */
  readonly rowIdColumn: number | undefined
}

/** The schema table, in the tree of the first page. */
export const SCHEMA: TableShape = {
  name: 'sqlite_schema',
  keyed: false,
  columns: [
    { name: 'type', type: 'TEXT', nullable: false, optional: false },
    { name: 'name', type: 'TEXT', nullable: false, optional: false },
    { name: 'tbl_name', type: 'TEXT', nullable: false, optional: false },
    { name: 'rootpage', type: 'INTEGER', nullable: false, optional: false },
    { name: 'sql', type: 'TEXT', nullable: true, optional: false },
  ],
  rowIdColumn: undefined,
}

interface ColumnInfo {
  readonly cid: number
  readonly name: string
  readonly type: string
  readonly notnull: 0 | 1
  readonly dflt_value: unknown
  /** Position in the primary key, from 1. */
  readonly pk: number
}

/**
 * The shapes of all tables of a database, and of the indexes that keep names unique, which contain the names a second
 * time.
 */
export function shapesOf(database: Database): TableShape[] {
  const tables = database
    .prepare(
      `SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'`,
    )
    .all() as { name: string; wr: 0 | 1 }[]
  return tables.flatMap(({ name, wr }) => {
    const columns = database.prepare('SELECT * FROM pragma_table_info(?)').all(name) as ColumnInfo[]
    return [tableShape(name, wr === 1, columns), ...indexShapes(database, name, columns)]
  })
}

function tableShape(name: string, keyed: boolean, infos: readonly ColumnInfo[]): TableShape {
  const key = infos.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  const ordered = keyed ? [...key, ...infos.filter(({ pk }) => pk === 0)] : infos
  const rowId = keyed || key.length !== 1 || key[0]!.type !== 'INTEGER' ? -1 : ordered.indexOf(key[0]!)
  return {
    name,
    keyed,
    columns: ordered.map(({ name: column, type, notnull, dflt_value, pk }) => ({
      name: column,
      type,
      nullable: notnull === 0 && pk === 0,
      optional: dflt_value !== null,
    })),
    rowIdColumn: rowId < 0 ? undefined : rowId,
  }
}

function indexShapes(database: Database, table: string, infos: readonly ColumnInfo[]): TableShape[] {
  const names = database.prepare(`SELECT name FROM pragma_index_list(?) WHERE origin = 'u'`).pluck().all(table)
  return (names as string[]).map((name) => {
    const cids = database.prepare('SELECT cid FROM pragma_index_info(?) ORDER BY seqno').pluck().all(name) as number[]
    const columns = cids.map((cid) => {
      const { name: column, type, notnull } = infos[cid]!
      return { name: column, type, nullable: notnull === 0, optional: false }
    })
    const rowId = { name: 'rowid', type: 'INTEGER', nullable: false, optional: false }
    return { name, keyed: true, columns: [...columns, rowId], rowIdColumn: undefined }
  })
}

/** Whether two tables have the same columns, by name and type. */
export function areAlike(a: TableShape, b: TableShape): boolean {
  return a.keyed === b.keyed && JSON.stringify(a.columns) === JSON.stringify(b.columns)
}

/** Whether a row can belong to such a table. */
export function fits({ keyed, columns, rowIdColumn }: TableShape, { rowId, fields }: Row): boolean {
  if (keyed !== (rowId === undefined) || fields.length > columns.length) return false
  return columns.every(({ type, nullable, optional }, i) => {
    const field = fields[i]
    if (field === undefined) return optional
    if (i === rowIdColumn) return field === null
    return field === null ? nullable : hasType(field, type)
  })
}

function hasType(field: Exclude<Field, null>, type: string): boolean {
  switch (type) {
    case 'INTEGER':
      return typeof field === 'bigint'
    case 'REAL': // SQLite stores whole numbers as integers
      return typeof field === 'number' || typeof field === 'bigint'
    case 'TEXT':
      return typeof field === 'string'
    case 'BLOB':
      return Buffer.isBuffer(field)
    default:
      return true
  }
}

/** The values of a row by column, with the row id in its column. */
export function valuesOf({ rowIdColumn }: TableShape, { rowId, fields }: Row): Field[] {
  return fields.map((field, i) => (i === rowIdColumn ? BigInt(rowId!) : field))
}
