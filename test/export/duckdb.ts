import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

/** Otherwise it keeps what it has read of a file, and takes it for parts of another one that has replaced it. */
const WITHOUT_CACHE = { enable_external_file_cache: 'false' }

let connection: Promise<DuckDBConnection> | undefined

/** Rows of an answer of DuckDB: INT64 as bigint, bytes as DuckDBBlobValue. */
export async function ask(sql: string): Promise<Record<string, DuckDBValue>[]> {
  connection ??= DuckDBInstance.create(':memory:', WITHOUT_CACHE).then((instance) => instance.connect())
  return (await (await connection).runAndReadAll(sql)).getRowObjects()
}
