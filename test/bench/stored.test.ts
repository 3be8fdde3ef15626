import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { beforeEach, describe, expect, it } from 'vitest'
import { deviceName, NUMBER_FIRST, TS_FIRST } from '../../bench/support/packets.ts'
import { verifyStored } from '../../bench/support/stored.ts'
import { DATABASE_FILE } from '../../src/store/database.ts'
import { tempFolder } from '../../support/folder.ts'
import { runHousekeeping } from '../store/sealed.ts'
import { append, openStore } from '../store/stores.ts'

const CONNECTIONS = 3
const MESSAGES = 400
const SENT = { connections: CONNECTIONS, messages: MESSAGES, payload: 'json' } as const
const DAY_MS = 86_400_000

let folder: string

/** Every message of the load generator; the first half in sealed blocks, the second half in the log. */
beforeEach(() => {
  folder = tempFolder()
  const store = openStore(folder, { uplinks: [] })
  const appendHalf = (first: number): void =>
    store.write(() => {
      for (let connection = 0; connection < CONNECTIONS; connection++) {
        for (let n = first; n < first + MESSAGES / 2; n++) {
          append(store, { device: deviceName(connection), value: (NUMBER_FIRST + n) / 100, ts: TS_FIRST + n })
        }
      }
    })
  appendHalf(0)
  runHousekeeping(store, TS_FIRST + 2 * DAY_MS)
  appendHalf(MESSAGES / 2)
  store.close()
})

function tamper(sql: string): number {
  const database = new SQLite(join(folder, DATABASE_FILE))
  try {
    return database.prepare(sql).run().changes
  } finally {
    database.close()
  }
}

function count(sql: string): unknown {
  const database = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
  try {
    return database.prepare(sql).pluck().get()
  } finally {
    database.close()
  }
}

describe('the check of the ingest bench', () => {
  it('counts readings in sealed blocks and in the log', () => {
    expect(count('SELECT sum(readings) FROM blocks')).toBe((CONNECTIONS * MESSAGES) / 2)
    expect(count('SELECT count(*) FROM log')).toBe((CONNECTIONS * MESSAGES) / 2)
    expect(() => verifyStored(folder, SENT)).not.toThrow()
  })

  it('finds one reading missing in the log', () => {
    const table = (count('SELECT count(*) FROM log_a') as number) > 0 ? 'log_a' : 'log_b'
    expect(tamper(`DELETE FROM ${table} WHERE seq = (SELECT max(seq) FROM ${table})`)).toBe(1)
    expect(() => verifyStored(folder, SENT)).toThrow(
      'dev-0002: 400 acknowledged, but only 399 stored; message 399 is missing',
    )
  })

  it('finds one block missing', () => {
    expect(tamper('DELETE FROM blocks WHERE id = (SELECT min(id) FROM blocks)')).toBe(1)
    expect(() => verifyStored(folder, SENT)).toThrow(/only 200 stored; message 0 is missing/)
  })

  it('finds messages that were acknowledged and never stored, changed, or stored twice', () => {
    expect(() => verifyStored(folder, { ...SENT, messages: MESSAGES + 1 })).toThrow('message 400 is missing')
    expect(() => verifyStored(folder, { ...SENT, messages: MESSAGES - 1 })).toThrow('was never sent')
    expect(() => verifyStored(folder, { ...SENT, connections: CONNECTIONS - 1 })).toThrow(
      'never sent: devices dev-0002',
    )
    expect(() => verifyStored(folder, { ...SENT, connections: CONNECTIONS + 1 })).toThrow('dev-0003: 400 acknowledged')
    const table = (count('SELECT count(*) FROM log_a') as number) > 0 ? 'log_a' : 'log_b'
    expect(
      tamper(`UPDATE ${table} SET value = value - 0.01, ts = ts - 1 WHERE seq = (SELECT max(seq) FROM ${table})`),
    ).toBe(1)
    expect(() => verifyStored(folder, SENT)).toThrow('message 398 is stored twice')
  })
})
