import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { tempFolder } from '../../support/folder.ts'
import { type RunningProcess, startScript } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'
import { endInOrder, HANG_MS } from './patience.ts'

/** A reader waits at most this long for the short locks of the receiver (ms). */
const LOCK_MS = 60_000

/** A receiver from the build, and a connection that reads its database. */
export interface BenchReceiver {
  readonly process: RunningProcess
  readonly folder: string
  readonly database: SQLite.Database
  /** The number that a query returns; 0 for NULL. */
  number(sql: string, ...values: readonly number[]): number
  stop(): Promise<void>
}

/** @param folder of its database; default: a new one */
export async function startReceiver(url: string, folder = tempFolder()): Promise<BenchReceiver> {
  const file = join(tempFolder(), 'receiver.yaml')
  writeFileSync(file, JSON.stringify({ cloud: { url }, data: folder, log: { level: 'error' } })) // JSON is YAML
  const running = startScript('dist/main.js', ['receive', '-s', file])
  await running.waitFor(/has started/, HANG_MS)
  const database = openForReading(join(folder, 'received.db'))
  return {
    process: running,
    folder,
    database,
    number: (sql, ...values) =>
      Number(
        database
          .prepare(sql)
          .pluck()
          .get(...values),
      ),
    stop: () => endInOrder(running),
  }
}

/** A connection to the database of a running process that cannot write; closed at the end of the bench. */
export function openForReading(file: string): SQLite.Database {
  const database = new SQLite(file, { readonly: true, timeout: LOCK_MS })
  onStop(() => void database.close())
  return database
}
