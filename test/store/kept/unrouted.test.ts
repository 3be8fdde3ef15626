import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoreSettings } from '../../../src/settings/edge.ts'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { openReader } from '../../../src/store/reader.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { lastPageOf, scribble } from '../recovery/damage.ts'
import { openStore } from '../stores.ts'

function keep(store: Store, client: string, bytes: number, count = 1): boolean[] {
  return store.write(() =>
    Array.from({ length: count }, () => {
      const flags = { qos: 1, retain: false, dup: false } as const
      return store.intake.unrouted.add({ topic: 't', client, ...flags, receivedAt: 1, payload: Buffer.alloc(bytes) })
    }),
  )
}

function kept(folder: string): { readonly id: number; readonly client: string }[] {
  const reader = openReader(folder)
  const heads = [...reader.unroutedHeads()].map(({ id, client }) => ({ id, client }))
  reader.close()
  return heads
}

function account(folder: string) {
  const reader = openReader(folder)
  const found = reader.unrouted()
  reader.close()
  return found
}

describe('messages that are kept without a route', () => {
  it('take no more than their bounds, by bytes and by number: the oldest are dropped and counted, also after a restart', () => {
    for (const settings of [{ unroutedBytesMax: 70_000 }, { unroutedMax: 7 }]) {
      const folder = tempFolder()
      let store = openStore(folder, settings)
      keep(store, 'a', 9_000, 5)
      store.close()
      store = openStore(folder, settings)
      for (const client of ['b', 'c', 'd', 'e', 'f']) keep(store, client, 9_000)
      expect(store.intake.unrouted.status()).toMatchObject({ count: 7, stored: 10, dropped: 3 })
      store.close()
      expect(kept(folder).map(({ id }) => id)).toEqual([4, 5, 6, 7, 8, 9, 10])
      expect(account(folder)).toMatchObject({ stored: 10, waiting: 7, dropped: 3, problems: [] })
    }
  })

  it('of a client with more than half of them do not replace those of others', () => {
    for (const settings of [{ unroutedBytesMax: 200_000 }, { unroutedMax: 20 }]) {
      const folder = tempFolder()
      const store = openStore(folder, settings)
      keep(store, 'quiet', 9_000, 2)
      keep(store, 'flood', 9_000, 300)
      store.close()
      const clients = kept(folder).map(({ client }) => client)
      expect(clients.filter((client) => client === 'quiet')).toHaveLength(2)
      expect(clients.length).toBeGreaterThan(15)
    }
  })

  it('never take more than an eighth of the store, and one that is larger than that is refused', () => {
    const store = openStore(tempFolder(), { maxBytes: 1_048_576 })
    keep(store, 'a', 9_000, 100)
    expect(store.intake.unrouted.status().bytes).toBeLessThanOrEqual(131_072)
    const before = store.intake.unrouted.status()
    expect(keep(store, 'a', 131_072)).toEqual([false])
    expect(keep(store, 'a', 130_000)).toEqual([true])
    expect(before.count).toBeGreaterThan(10)
    expect(store.intake.unrouted.status()).toMatchObject({ count: 1, stored: before.stored + 1 })
    store.close()
  })

  it('stay few for a while after they were removed for readings', () => {
    const store = openStore(tempFolder(), { unroutedBytesMax: 160_000 })
    keep(store, 'a', 872, 150)
    store.write(() => store.intake.unrouted.makeRoom())
    expect(store.intake.unrouted.status().bytes).toBeLessThanOrEqual(10_000)
    keep(store, 'a', 872, 150)
    const { bytes, removedForRoom } = store.intake.unrouted.status()
    expect(bytes).toBeLessThanOrEqual(11_100)
    expect(removedForRoom).toBeGreaterThan(250)
    store.close()
  })

  it('count as dropped if they are lost with a part of the disk, and no number is given twice', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    keep(store, 'a', 2_000, 200)
    store.write(() => store.intake.unrouted.remove(1, 'replayed'))
    store.close()
    scribble(join(folder, DATABASE_FILE), { pages: [lastPageOf(folder, 'unrouted')], seed: 1 })
    store = openStore(folder)
    const { stored, count, dropped } = store.intake.unrouted.status()
    expect({ stored, replayed: 200 - count - dropped }).toEqual({ stored: 200, replayed: 1 })
    expect(Math.min(count, dropped)).toBeGreaterThan(0)
    keep(store, 'a', 10)
    store.close()
    expect(account(folder)).toMatchObject({ stored: 201, waiting: count + 1, replayed: 1, dropped, problems: [] })
    expect(kept(folder).at(-1)!.id).toBe(201)
  })

  it('balance after any sequence of messages, removals, failed transactions and restarts', () => {
    const settings: Partial<StoreSettings> = { unroutedMax: 12, unroutedBytesMax: 65_536 }
    const step = fc.oneof(
      fc.record({ kind: fc.constant('keep' as const), count: fc.integer({ min: 1, max: 8 }), bytes: fc.nat(20_000) }),
      fc.record({ kind: fc.constantFrom('replayed' as const, 'discarded' as const), nth: fc.nat(11) }),
      fc.record({ kind: fc.constantFrom('room' as const, 'fail' as const, 'reopen' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const folder = tempFolder()
        let store = openStore(folder, settings)
        for (const one of steps) {
          const { unrouted } = store.intake
          const before = unrouted.status()
          if (one.kind === 'keep') keep(store, `c${one.bytes % 3}`, one.bytes, one.count)
          else if (one.kind === 'room') store.write(() => unrouted.makeRoom())
          else if (one.kind === 'reopen') {
            store.close()
            store = openStore(folder, settings)
          } else if (one.kind === 'fail') {
            const failing = () =>
              store.write(() => {
                for (const { id } of unrouted.page(0, 3)) unrouted.remove(id, 'replayed')
                unrouted.makeRoom()
                const flags = { qos: 0, retain: true, dup: true } as const
                unrouted.add({ topic: 't', client: 'f', ...flags, receivedAt: 1, payload: Buffer.alloc(10) })
                throw new Error('fails')
              })
            expect(failing).toThrow('fails')
            const { count, bytes, stored, replayed, dropped } = unrouted.status()
            expect({ count, bytes, stored, replayed, dropped }).toEqual({
              count: before.count,
              bytes: before.bytes,
              stored: before.stored,
              replayed: before.replayed,
              dropped: before.dropped,
            })
          } else if ('nth' in one) {
            const id = unrouted.page(0, Number.MAX_SAFE_INTEGER)[one.nth]?.id ?? 1_000
            store.write(() => unrouted.remove(id, one.kind))
          }
          const { problems, waiting, stored } = account(folder)
          const now = store.intake.unrouted.status()
          expect(problems).toEqual([])
          expect({ waiting, stored }).toEqual({ waiting: now.count, stored: now.stored })
          expect(now.count).toBeLessThanOrEqual(12)
          expect(now.bytes).toBeLessThanOrEqual(65_536)
        }
        store.close()
      }),
      { numRuns: 30 },
    )
  })
})
