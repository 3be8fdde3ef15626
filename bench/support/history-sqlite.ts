import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { type Answer, BUCKET_MS, type HistoryPeer, type HistoryReader, type Question } from './history-peer.ts'
import type { Plant, Readings } from './plant.ts'

const FILE = 'readings.db'
const COMMIT_ROWS = 100_000

/** The table in order of arrival; the index on (series, ts) is made at the end, so that it is as compact as possible. */
function build(folder: string, plant: Plant, rows: number): void {
  const database = new SQLite(join(folder, FILE))
  database.exec(`CREATE TABLE readings (series INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL,
    quality INTEGER NOT NULL, reasons INTEGER NOT NULL, received_at INTEGER NOT NULL) STRICT`)
  const insert = database.prepare('INSERT INTO readings VALUES (?, ?, ?, 1, 0, ?)')
  const commit = database.transaction(({ count, series, ts, value, receivedAt }: Readings) => {
    for (let i = 0; i < count; i++) insert.run(series[i], ts[i], value[i], receivedAt[i])
  })
  for (const readings of plant.commits(rows, COMMIT_ROWS)) commit.immediate(readings)
  database.exec('CREATE INDEX by_series ON readings (series, ts)')
  database.close()
}

function open(folder: string): HistoryReader {
  const database = new SQLite(join(folder, FILE), { readonly: true })
  const which = 'FROM readings WHERE series = ? AND ts >= ? AND ts < ?'
  const range = database.prepare(`SELECT ts, value, quality, reasons ${which} ORDER BY ts, rowid`).raw()
  const buckets = database
    .prepare(`SELECT ts / ${BUCKET_MS} * ${BUCKET_MS} AS start, count(value), sum(value), min(value), max(value)
      ${which} GROUP BY start ORDER BY start`)
    .raw()
  const ask = (statement: SQLite.Statement, { series, from, to }: Question): Answer => {
    const rows: number[][] = []
    let firstAt = 0
    for (const row of statement.iterate(series, from, to)) {
      if (rows.length === 0) firstAt = performance.now()
      rows.push(row as number[])
    }
    return { firstAt, doneAt: performance.now(), numbers: () => rows.flat() }
  }
  return {
    range: (question) => ask(range, question),
    buckets: (question) => ask(buckets, question),
    count: () => database.prepare('SELECT count(*) FROM readings').pluck().get() as number,
    close: () => database.close(),
  }
}

export const sqlite: HistoryPeer = { build, open }
