import { describe, expect, it } from 'vitest'
import { openReader } from '../../../src/store/reader.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { openStore } from '../stores.ts'

/** What a reject takes besides its payload here (bytes), at most. */
const TEXTS = 200

function reject(store: Store, client: string, bytes: number, count = 1): void {
  store.write(() => {
    const device = store.intake.catalog.device('press')
    for (let i = 0; i < count; i++) {
      const message = { topic: 'telemetry/press', client, reason: 'no JSON', payload: Buffer.alloc(bytes, 0xff) }
      store.intake.rejects.add({ receivedAt: 1, device, ...message })
    }
  })
}

function clientsOf(folder: string): string[] {
  const reader = openReader(folder)
  const clients = reader.rejects(10_000).map(({ client }) => client)
  reader.close()
  return clients.reverse()
}

describe('rejects', () => {
  it('take no more bytes than their bound: the oldest are removed, also after a restart', () => {
    const folder = tempFolder()
    const settings = { rejectsBytesMax: 40_000 }
    let store = openStore(folder, settings)
    for (const client of ['a', 'b', 'c', 'd']) reject(store, client, 9_000)
    expect(store.intake.rejects.status()).toMatchObject({ count: 4 })
    store.close()
    store = openStore(folder, settings)
    reject(store, 'e', 9_000)
    const { count, bytes, bytesMax } = store.intake.rejects.status()
    expect({ count, bytesMax }).toEqual({ count: 4, bytesMax: 40_000 })
    expect(bytes).toBeLessThanOrEqual(4 * (9_000 + TEXTS))
    store.close()
    expect(clientsOf(folder)).toEqual(['b', 'c', 'd', 'e'])
  })

  it('of a client with more than half of them do not replace those of others, by bytes and by number', () => {
    for (const settings of [{ rejectsBytesMax: 200_000 }, { rejectsMax: 20 }]) {
      const folder = tempFolder()
      const store = openStore(folder, settings)
      reject(store, 'quiet', 9_000, 2)
      reject(store, 'flood', 9_000, 300)
      store.close()
      const clients = clientsOf(folder)
      expect(clients.filter((client) => client === 'quiet')).toHaveLength(2)
      expect(clients.length).toBeGreaterThan(15)
      expect(clients.length).toBeLessThanOrEqual(22)
    }
  })

  it('are counted right after a failed transaction, and after orders that drop them', () => {
    const folder = tempFolder()
    const store = openStore(folder, { rejectsBytesMax: 100_000 })
    reject(store, 'a', 9_000, 3)
    const before = store.intake.rejects.status()
    expect(() =>
      store.write(() => {
        const device = store.intake.catalog.device('press')
        const message = { topic: 't', client: 'b', reason: 'r', payload: Buffer.alloc(9_000) }
        store.intake.rejects.add({ receivedAt: 1, device, ...message })
        throw new Error('fails')
      }),
    ).toThrow('fails')
    expect(store.intake.rejects.status()).toEqual(before)
    store.write(() => store.intake.rejects.drop([1, 2]))
    store.write(() => store.intake.rejects.dropOf(store.intake.catalog.device('press').id, 3))
    expect(store.intake.rejects.status()).toMatchObject({ count: 0, bytes: 0 })
    store.close()
  })

  it('never take more than an eighth of the store', () => {
    const store = openStore(tempFolder(), { maxBytes: 1_048_576 })
    reject(store, 'a', 9_000, 100)
    expect(store.intake.rejects.status().bytes).toBeLessThanOrEqual(131_072)
    store.close()
  })
})
