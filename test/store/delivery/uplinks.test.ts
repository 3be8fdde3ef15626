import { describe, expect, it } from 'vitest'
import type { Seq } from '../../../src/base/reading.ts'
import type { UplinkStart } from '../../../src/store/delivery/outboxes.ts'
import { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { append, appendMany, everything, imbalances, openStore, storeSettings } from '../stores.ts'

function open(folder: string, ...uplinks: UplinkStart[]): Store {
  return Store.open(folder, storeSettings(), uplinks)
}

function offered(store: Store, uplink: string): Seq[] {
  const stretch = store.outbox(uplink).next('backfill', store.lastSeq, 1_000)
  return (stretch?.rows() ?? []).map(([seq]) => seq)
}

describe('an uplink that is new in the settings', () => {
  it('sends everything stored, only new readings, or readings received since a time; the account balances in each case', () => {
    const folder = tempFolder()
    const first = openStore(folder)
    // Each reading is received at its own time here.
    first.write(() => {
      for (let i = 1; i <= 10; i++) append(first, { ts: i * 1_000 })
    })
    first.close()
    const store = open(
      folder,
      ...[everything('cloud'), everything('all')],
      ...[{ name: 'now', start: 'now' } as const, { name: 'since', start: 7_000 }],
    )
    expect(offered(store, 'all')).toHaveLength(10)
    expect(offered(store, 'now')).toEqual([])
    expect(offered(store, 'since')).toEqual([7, 8, 9, 10])
    appendMany(store, 2)
    expect(store.backlog(store.outbox('now'))).toMatchObject({ waiting: 2, confirmed: 0 })
    store.close()
    expect(imbalances(folder)).toEqual([])
    const again = open(folder, { name: 'now', start: 'now' })
    expect(offered(again, 'now')).toEqual([11, 12])
    again.close()
  })
})

describe('an uplink that was removed from the settings', () => {
  it('is removed with its backlog, and this is reported; undelivered readings of other uplinks stay', () => {
    const folder = tempFolder()
    const both = openStore(folder, { uplinks: ['cloud', 'plant'] })
    appendMany(both, 10)
    both.write(() => both.outbox('cloud').confirm([{ first: 1, last: 8 }], 10))
    both.write(() => both.outbox('plant').confirm([{ first: 1, last: 2 }], 10))
    both.close()
    const one = openStore(folder, { uplinks: ['cloud'] })
    expect(one.delivery.retired).toEqual([{ name: 'plant', waiting: 8 }])
    expect(offered(one, 'cloud')).toEqual([9, 10])
    one.close()
    expect(imbalances(folder)).toEqual([])
    const again = openStore(folder, { uplinks: ['cloud', 'plant'] })
    expect(again.delivery.retired).toEqual([])
    expect(offered(again, 'plant')).toHaveLength(10)
    again.close()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a gap request to an uplink', () => {
  it('is answered with the delivered readings and the empty positions between them, and only until it is answered', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 100)
    const outbox = store.outbox('cloud')
    store.write(() => outbox.confirm([{ first: 1, last: 60 }], store.lastSeq))
    outbox.requestResend(
      [
        { first: 0, last: 5 },
        { first: 50, last: 900 },
      ],
      store.lastSeq,
    )
    const sent: [Seq, Seq, number][] = []
    for (let next = outbox.again.next(4); next !== undefined; next = outbox.again.next(4)) {
      sent.push([next.range.first, next.range.last, next.stretch?.count ?? 0])
      outbox.again.take(next.range)
    }
    expect(sent).toEqual([
      [1, 4, 4],
      [5, 5, 1],
      [50, 53, 4],
      [54, 57, 4],
      [58, 60, 3],
    ])
    expect(store.write(() => outbox.confirm([{ first: 1, last: 53 }], store.lastSeq))).toBe(0)
    outbox.releaseAll(store.lastSeq)
    expect(outbox.again.next(100)?.range).toEqual({ first: 54, last: 60 })
    expect(offered(store, 'cloud')).toHaveLength(40)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })
})
