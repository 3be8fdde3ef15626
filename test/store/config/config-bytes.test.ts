import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { newEdgeState } from '../../../src/config/edge/state.ts'
import type { Revision } from '../../../src/config/revision.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { openStore } from '../stores.ts'

const SUM = ['config_devices', 'config_revisions', 'config_changes'].map((table, i) => {
  const text = ['state', 'revision', 'change'][i]
  return `(SELECT coalesce(sum(octet_length(${text}) + 64), 0) FROM ${table})`
})

function sumIn(folder: string): number {
  const database = new SQLite(join(folder, 'tidegate.db'), { readonly: true })
  const sum = database
    .prepare(`SELECT ${SUM.join(' + ')}`)
    .pluck()
    .get() as number
  database.close()
  return sum
}

function edit(store: Store, device: string, text: string, times = 1): void {
  store.write(() => {
    for (let e = 1; e <= times; e++) {
      const rev = { c: 0, ci: 0, e, ei: 'here' }
      const revision: Revision = { rev, base: null, hash: 'h', config: { text }, hlc: '1-0-here', by: 'user:alice' }
      store.configs.save({ ...newEdgeState(device, store.epoch), ...{ text } }, { isNew: e === 1 })
      store.configs.keep(device, revision, e)
    }
  })
}

describe('the bytes of configs', () => {
  it('are those on the disk: after edits, trimmed revisions, deletions, a failed transaction and a restart', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    const expectRight = (): void => expect(store.configs.size.bytes).toBe(sumIn(folder))
    edit(store, 'pump', 'x'.repeat(5_000), 30)
    edit(store, 'fan', 'ü'.repeat(1_000))
    edit(store, 'pump', 'y')
    expectRight()
    expect(store.configs.size.bytes).toBeGreaterThan(19 * 5_000)
    expect(() =>
      store.write(() => {
        store.configs.save(newEdgeState('lost', store.epoch))
        throw new Error('fails')
      }),
    ).toThrow('fails')
    expectRight()
    store.close()
    store = openStore(folder)
    expectRight()
    store.write(() => store.configs.forget('pump'))
    expectRight()
    expect(store.configs.size.bytes).toBeLessThan(10_000)
    store.close()
  })

  it('may be a quarter of the store at most', () => {
    const store = openStore(tempFolder(), { maxBytes: 8_388_608 })
    expect(store.configs.size.max(268_435_456)).toBe(2_097_152)
    expect(store.configs.size.max(65_536)).toBe(65_536)
    store.close()
  })
})
