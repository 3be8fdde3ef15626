import { describe, expect, it } from 'vitest'
import type { Seq } from '../../src/base/reading.ts'
import type { Store } from '../../src/store/store.ts'
import { tempFolder } from '../../support/folder.ts'
import { appendMany, connect, openStore } from './stores.ts'

function amend(store: Store, ...seqs: Seq[]): void {
  store.write(() => store.amend(seqs.map((seq) => ({ series: 1, seq, quality: 4, reasons: 64 }))))
}

function confirm(store: Store, uplink: string, first: Seq, last: Seq): void {
  store.write(() => store.outbox(uplink).confirm([{ first, last }], store.lastSeq))
}

/** The positions of the amendments that an uplink would send now. */
function sends(store: Store, uplink = 'cloud', countMax = 100): Seq[] {
  return store
    .outbox(uplink)
    .amendments.next(countMax)
    .map(({ seq }) => seq)
}

/** Sends every amendment that may be sent, and confirms them. */
function deliver(store: Store, uplink: string): void {
  const outbox = store.outbox(uplink)
  const lastId = outbox.amendments.next(100).at(-1)!.id
  outbox.amendments.take(lastId)
  store.write(() => outbox.amendments.confirm(lastId))
}

function queued(folder: string): number {
  const database = connect(folder)
  const count = database.prepare('SELECT count(*) FROM amendments').pluck().get() as number
  database.close()
  return count
}

describe('an amendment', () => {
  it('changes the stored verdict and sends nothing while the reading has not been sent', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 3)
    amend(store, 2)
    expect([...store.readFrom(1)].map((row) => [row[4], row[5]])).toEqual([
      [1, 0],
      [4, 64],
      [1, 0],
    ])
    expect(queued(folder)).toBe(0)
    store.close()
  })

  it('waits until its reading is confirmed, and amendments keep their order', () => {
    const store = openStore(tempFolder())
    appendMany(store, 10)
    const outbox = store.outbox('cloud')
    outbox.take({ first: 1, last: 6 })
    amend(store, 5, 2, 8, 5)
    expect(sends(store)).toEqual([])
    confirm(store, 'cloud', 1, 3)
    expect(sends(store)).toEqual([])
    confirm(store, 'cloud', 4, 6)
    expect(sends(store)).toEqual([5, 2, 5])
    expect(sends(store, 'cloud', 2)).toEqual([5, 2])
    store.close()
  })

  it('is queued although its reading was released: a late receipt may confirm that reading, which is then not sent again', () => {
    const store = openStore(tempFolder())
    appendMany(store, 4)
    const outbox = store.outbox('cloud')
    outbox.take({ first: 1, last: 4 })
    outbox.releaseAll(store.lastSeq)
    amend(store, 4)
    confirm(store, 'cloud', 1, 4)
    expect(sends(store)).toEqual([4])
    store.close()
  })

  it('is queued after a restart for readings that may have been sent before it', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    appendMany(store, 4)
    store.outbox('cloud').take({ first: 1, last: 4 })
    store.close()
    store = openStore(folder)
    amend(store, 4)
    confirm(store, 'cloud', 1, 4)
    expect(sends(store)).toEqual([4])
    store.close()
  })

  it('is sent again until it is confirmed, and not after that, also over restarts', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    appendMany(store, 3)
    confirm(store, 'cloud', 1, 3)
    amend(store, 1, 2)
    const outbox = store.outbox('cloud')
    outbox.amendments.take(outbox.amendments.next(1)[0]!.id)
    expect(sends(store), 'one message in flight at a time').toEqual([])
    outbox.releaseAll(store.lastSeq)
    expect(sends(store)).toEqual([1, 2])
    store.close()
    store = openStore(folder)
    expect(sends(store)).toEqual([1, 2])
    deliver(store, 'cloud')
    expect(sends(store)).toEqual([])
    store.close()
    store = openStore(folder)
    amend(store, 3)
    expect(sends(store)).toEqual([3])
    store.close()
  })

  it('stays unconfirmed if it was never sent, whatever the receiver says', () => {
    const store = openStore(tempFolder())
    appendMany(store, 3)
    confirm(store, 'cloud', 1, 3)
    amend(store, 1, 2, 3)
    const outbox = store.outbox('cloud')
    outbox.amendments.take(outbox.amendments.next(1)[0]!.id)
    store.write(() => outbox.amendments.confirm(1_000))
    outbox.releaseAll(store.lastSeq)
    expect(sends(store)).toEqual([2, 3])
    store.close()
  })

  it('is deleted when every uplink has delivered it', () => {
    const folder = tempFolder()
    const store = openStore(folder, { uplinks: ['cloud', 'plant'] })
    appendMany(store, 3)
    confirm(store, 'cloud', 1, 3)
    amend(store, 1, 3)
    deliver(store, 'cloud')
    expect([sends(store, 'cloud'), sends(store, 'plant'), queued(folder)]).toEqual([[], [], 2])
    confirm(store, 'plant', 1, 3)
    expect(sends(store, 'plant')).toEqual([1, 3])
    deliver(store, 'plant')
    expect(queued(folder)).toBe(0)
    store.close()
  })

  it('is not stored when its transaction fails', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 3)
    confirm(store, 'cloud', 1, 3)
    amend(store, 1)
    const outbox = store.outbox('cloud')
    outbox.amendments.take(1)
    const failing = (): void =>
      store.write(() => {
        store.amend([{ series: 1, seq: 2, quality: 4, reasons: 64 }])
        outbox.amendments.confirm(1)
        throw new Error('no')
      })
    expect(failing).toThrow('no')
    expect(queued(folder)).toBe(1)
    outbox.releaseAll(store.lastSeq)
    expect(sends(store)).toEqual([1])
    expect([...store.readFrom(2)][0]![4]).toBe(1)
    store.close()
  })
})
