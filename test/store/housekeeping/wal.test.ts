import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { append, openStore } from '../stores.ts'

/** Rows of one transaction; each takes about a page of the WAL. */
const ROWS = 1_000

/** Writes about 100 MB in small transactions, with checkpoints as the store thread makes them. */
function writeMuch(store: Store): void {
  for (let i = 0; i < 25; i++) {
    store.write(() => {
      for (let row = 0; row < ROWS; row++)
        append(store, { metric: 'text', value: 'x'.repeat(4_000), ts: i * ROWS + row })
    })
    store.checkpointIfDue()
  }
}

it('reports a reader that keeps the WAL from shrinking, until it ends', () => {
  const folder = tempFolder()
  const store = openStore(folder, { checkpointPages: 10 })
  writeMuch(store)
  expect(store.wal.status.held).toBe(false)
  const reader = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM series').get()
  writeMuch(store)
  expect(store.wal.status.held).toBe(true)
  expect(store.wal.status.bytes).toBeGreaterThan(64 * 1_048_576)
  reader.exec('COMMIT')
  reader.close()
  for (let i = 0; i < 3; i++) {
    store.write(() => append(store))
    for (let commit = 0; commit < 3; commit++) store.write(() => undefined)
    store.checkpointIfDue()
  }
  expect(store.wal.status.held).toBe(false)
  store.close()
})

it('does not take one large transaction for a reader', () => {
  const store = openStore(tempFolder(), { checkpointPages: 10 })
  store.write(() => {
    for (let row = 0; row < 18 * ROWS; row++) append(store, { metric: 'text', value: 'x'.repeat(4_000), ts: row })
  })
  store.checkpointIfDue()
  expect(store.wal.status.bytes).toBeGreaterThan(64 * 1_048_576)
  expect(store.wal.status.held).toBe(false)
  store.close()
})
