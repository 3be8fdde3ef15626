import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

let connection: Promise<DuckDBConnection> | undefined

/** Rows of an answer of DuckDB: INT64 as bigint, bytes as DuckDBBlobValue. */
export async function ask(sql: string): Promise<Record<string, DuckDBValue>[]> {
  connection ??= DuckDBInstance.create().then((instance) => instance.connect())
  return (await (await connection).runAndReadAll(sql)).getRowObjects()
}
