import { join } from 'node:path'
import {
  BIGINT,
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  INTEGER,
  UTINYINT,
} from '@duckdb/node-api'
import { type Answer, BUCKET_MS, type HistoryPeer, type HistoryReader, type Question } from './history-peer.ts'
import type { Plant, Readings } from './plant.ts'

const FILE = 'readings.duckdb'
const TYPES = [INTEGER, BIGINT, DOUBLE, UTINYINT, INTEGER, BIGINT] as const
/** Rows of one data chunk, the maximum in DuckDB. */
const CHUNK_ROWS = 2_048

/** A table in order of arrival, stored as DuckDB does by default: compressed columns, and bounds for each row group. */
async function build(folder: string, plant: Plant, rows: number): Promise<void> {
  const database = await DuckDBInstance.create(join(folder, FILE))
  const connection = await database.connect()
  await connection.run(`CREATE TABLE readings (series INTEGER NOT NULL, ts BIGINT NOT NULL, value DOUBLE,
    quality UTINYINT NOT NULL, reasons INTEGER NOT NULL, received_at BIGINT NOT NULL)`)
  const appender = await connection.createAppender('readings')
  for (const readings of plant.commits(rows, CHUNK_ROWS)) appender.appendDataChunk(chunkOf(readings))
  appender.closeSync()
  await connection.run('CHECKPOINT')
  connection.closeSync()
  database.closeSync()
}

function chunkOf({ count, series, ts, value, receivedAt }: Readings): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create(TYPES, count)
  chunk.setColumns([
    Array.from(series.subarray(0, count)),
    Array.from(ts.subarray(0, count), BigInt),
    Array.from(value.subarray(0, count)),
    new Array<number>(count).fill(1),
    new Array<number>(count).fill(0),
    Array.from(receivedAt.subarray(0, count), BigInt),
  ])
  return chunk
}

async function open(folder: string): Promise<HistoryReader> {
  const database = await DuckDBInstance.create(join(folder, FILE), { access_mode: 'READ_ONLY' })
  const connection = await database.connect()
  const which = 'FROM readings WHERE series = $1 AND ts >= $2 AND ts < $3'
  const range = await connection.prepare(`SELECT ts, value, quality, reasons ${which} ORDER BY ts, rowid`)
  const buckets = await connection.prepare(`SELECT ts // ${BUCKET_MS} * ${BUCKET_MS} AS start, count(value),
    sum(value), min(value), max(value) ${which} GROUP BY start ORDER BY start`)
  return {
    range: (question) => ask(range, question),
    buckets: (question) => ask(buckets, question),
    async count() {
      const all = await connection.runAndReadAll('SELECT count(*) FROM readings')
      return Number(all.getRows()[0]![0])
    },
    close() {
      connection.closeSync()
      database.closeSync()
    },
  }
}

async function ask(statement: DuckDBPreparedStatement, { series, from, to }: Question): Promise<Answer> {
  statement.bindInteger(1, series)
  statement.bindBigInt(2, BigInt(from))
  statement.bindBigInt(3, BigInt(to))
  const result = await statement.stream()
  const rows: unknown[][] = []
  let firstAt = 0
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    if (rows.length === 0) firstAt = performance.now()
    rows.push(...chunk.getRows())
  }
  return { firstAt, doneAt: performance.now(), numbers: () => rows.flat().map(Number) }
}

export const duckdb: HistoryPeer = { build, open }
