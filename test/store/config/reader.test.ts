import { describe, expect, it } from 'vitest'
import { hashOf } from '../../../src/config/canonical.ts'
import { newEdgeState } from '../../../src/config/edge/state.ts'
import type { Revision } from '../../../src/config/revision.ts'
import { type ConfigReader, openConfigReader } from '../../../src/store/config/config-reader.ts'
import { placeOrder } from '../../../src/store/orders.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { openStore } from '../stores.ts'

/** An open store, as an edge has it, and a reader of the same database. */
function both(): { folder: string; store: Store; reader: ConfigReader } {
  const folder = tempFolder()
  const store = openStore(folder)
  onStop(() => store.close())
  const reader = openConfigReader(folder)
  onStop(() => reader.close())
  return { folder, store, reader }
}

function revision(e: number, config: Revision['config']): Revision {
  const rev = { c: 0, ci: 0, e, ei: 'here' }
  return { rev, base: null, hash: hashOf(config), config, hlc: '1-0-here', by: 'user:alice' }
}

describe('the reader of configs, while the store is open', () => {
  it('finds nothing in a store without configs', () => {
    const { reader } = both()
    expect(reader.list(10)).toEqual([])
    expect(reader.state('pump')).toBeUndefined()
    expect([
      reader.waiting('pump'),
      reader.revisions('pump'),
      reader.changes('pump', 10),
      reader.conflicts(10),
    ]).toEqual([[], [], [], []])
  })

  it('lists devices by name, page by page, with pending changes and devices that need attention', () => {
    const { store, reader } = both()
    store.write(() => {
      store.configs.save({ ...newEdgeState('b', 'here'), cur: revision(2, null) })
      store.configs.save({ ...newEdgeState('a', 'here'), cur: revision(1, { on: true }) })
      store.configs.save(newEdgeState('c', 'here'))
      store.configs.enqueue('a', 'head', 1_000)
      store.configs.enqueue('b', 'head', 1_000)
      store.configs.enqueue('b', 'reported', 1_000)
      for (let i = 0; i < 10; i++) {
        const row = {
          device: 'b',
          what: 'head',
          attempts: i,
          due: 0,
          version: 1,
          attention: false,
          reason: '',
        } as const
        store.configs.answered(row, { kind: 'refused', reason: 'not authorized' }, 2_000, () => 0)
      }
    })
    const [first, second] = reader.list(2)
    expect(first).toMatchObject({ device: 'a', rev: { e: 1 }, deleted: false, waiting: 1, attention: false, cid: null })
    expect(second).toMatchObject({ device: 'b', rev: { e: 2 }, deleted: true, waiting: 2, attention: true })
    expect(reader.list(2, 'b')).toMatchObject([
      { device: 'c', rev: null, deleted: false, waiting: 0, attention: false },
    ])
    expect(reader.waiting('b')).toEqual([
      { what: 'head', attempts: 10, due: 2_000, attention: true, reason: 'not authorized' },
      { what: 'reported', attempts: 0, due: 1_000, attention: false, reason: '' },
    ])
  })

  it('lists earlier revisions and changes, newest first', () => {
    const { store, reader } = both()
    const revisions = [revision(1, { on: true }), revision(2, { on: false })]
    store.write(() => {
      for (const [i, one] of revisions.entries()) {
        store.configs.keep('pump', one, 1_000 + i)
        store.configs.log({ device: 'pump', at: 1_000 + i, rev: one.rev, path: '/on', by: 'x', why: 'edit', old: null })
      }
      store.configs.log({ device: 'other', at: 1, rev: revisions[0]!.rev, path: '', by: 'x', why: 'edit' })
    })
    expect(reader.revisions('pump')).toEqual([
      { at: 1_001, revision: revisions[1] },
      { at: 1_000, revision: revisions[0] },
    ])
    expect(reader.changes('pump', 1)).toEqual([
      { device: 'pump', at: 1_001, rev: revisions[1]!.rev, path: '/on', by: 'x', why: 'edit', old: null },
    ])
  })

  it('reports whether an order is still pending, regardless of orders from others', () => {
    const { folder, store, reader } = both()
    const mine = { kind: 'config-delete', device: 'pump', id: 'mine', by: 'user:alice' } as const
    const retry = { kind: 'config-retry', device: 'pump' } as const
    placeOrder(folder, mine, Date.now())
    placeOrder(folder, { kind: 'drop-undecodable', ids: [1] }, Date.now())
    expect(reader.ordered('pump')).toBe(1)
    expect([mine, { ...mine, id: 'other' }, retry].map((order) => reader.isOrdered(order))).toEqual([
      true,
      false,
      false,
    ])
    placeOrder(folder, retry, Date.now())
    expect([reader.isOrdered(retry), reader.isOrdered({ ...retry, device: 'b' })]).toEqual([true, false])
    store.write(() => void store.orders.take())
    expect([mine, retry].map((order) => reader.isOrdered(order))).toEqual([false, false])
    expect(reader.ordered('pump')).toBe(0)
  })
})
