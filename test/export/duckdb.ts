import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

/** With the cache, DuckDB would use bytes of a file for another file that has replaced it. */
const WITHOUT_CACHE = { enable_external_file_cache: 'false' }

let connection: Promise<DuckDBConnection> | undefined

/** The result rows of a DuckDB query: INT64 as bigint, bytes as DuckDBBlobValue. */
export async function ask(sql: string): Promise<Record<string, DuckDBValue>[]> {
  connection ??= DuckDBInstance.create(':memory:', WITHOUT_CACHE).then((instance) => instance.connect())
  return (await (await connection).runAndReadAll(sql)).getRowObjects()
}
