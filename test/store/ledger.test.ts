import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { writeNumbers } from '../../src/codec/columns/numbers-list.ts'
import { openReader } from '../../src/store/reader.ts'
import type { Store } from '../../src/store/store.ts'
import { tempFolder } from '../../support/folder.ts'
import { append, appendMany, imbalances, openStore, tamper } from './stores.ts'

const UPLINKS = ['cloud', 'plant'] as const
const DEVICES = ['press', 'pump', 'oven'] as const

interface Account {
  stored: number
  rejected: number
  partial: number
  duplicate: number
}

type Step = (store: Store, accounts: Record<string, Account>) => void

const device = fc.constantFrom(...DEVICES)
const change: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(device, fc.integer({ min: 0, max: 30 })).map(
    ([name, count]): Step =>
      (store, accounts) => {
        appendMany(store, count, { device: name, metric: `m${count % 3}` })
        accounts[name]!.stored += count
      },
  ),
  fc.tuple(device, fc.constantFrom('rejected', 'partial', 'duplicate')).map(
    ([name, what]): Step =>
      (store, accounts) => {
        store.write(() => {
          const one = store.intake.catalog.device(name)
          one.received++
          one[what]++
          store.intake.catalog.touch(one)
        })
        accounts[name]![what]++
      },
  ),
  fc.tuple(fc.constantFrom(...UPLINKS), fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 40 })).map(
    ([uplink, first, more]): Step =>
      (store) => {
        store.write(() => store.outbox(uplink).confirm([{ first, last: first + more }], store.lastSeq))
      },
  ),
  fc.tuple(device, fc.integer({ min: 1, max: 30 })).map(
    ([name, count]): Step =>
      (store) => {
        const failing = (): void =>
          store.write(() => {
            for (let i = 0; i < count; i++) append(store, { device: name })
            store.outbox('cloud').confirm([{ first: 1, last: 100 }], store.lastSeq)
            throw new Error('no')
          })
        expect(failing).toThrow('no')
      },
  ),
)

/** Ten readings of one device, four of them confirmed by one of two uplinks. */
function makeAccount(): string {
  const folder = tempFolder()
  const store = openStore(folder, { uplinks: UPLINKS })
  appendMany(store, 10)
  store.write(() => store.outbox('cloud').confirm([{ first: 3, last: 6 }], store.lastSeq))
  store.close()
  return folder
}

describe('the ledger', () => {
  it('balances after any sequence of changes, also failed ones, and counts what was done', () => {
    const property = fc.property(fc.array(change, { maxLength: 15, size: 'max' }), (changes) => {
      const folder = tempFolder()
      const accounts = Object.fromEntries(
        DEVICES.map((name) => [name, { stored: 0, rejected: 0, partial: 0, duplicate: 0 }]),
      )
      const store = openStore(folder, { uplinks: UPLINKS })
      store.write(() => DEVICES.map((name) => store.intake.catalog.device(name)))
      for (const one of changes) one(store, accounts)
      const confirmed = UPLINKS.map((uplink) => store.outbox(uplink).settled.count)
      store.close()
      const reader = openReader(folder)
      const rows = reader.ledger()
      reader.close()
      expect(rows.flatMap(({ problems }) => problems)).toEqual([])
      for (const { device: name, received, stored, rejected, partial, duplicate } of rows) {
        expect({ stored, rejected, partial, duplicate }).toEqual(accounts[name])
        expect(received).toBe(stored + rejected + partial + duplicate)
      }
      const perUplink = UPLINKS.map((uplink) => rows.reduce((sum, row) => sum + row.perUplink[uplink]!.confirmed, 0))
      expect(perUplink).toEqual(confirmed)
    })
    fc.assert(property, { numRuns: 30 })
  }, 90_000)

  it.each([
    ['a counter of what came', 'UPDATE devices SET received = 11', ['received 11 is not stored 10']],
    ['a lost reading', 'DELETE FROM log WHERE seq = 1', ['9 kept', 'cloud: stored', 'plant: stored']],
    ['a lost reading that was confirmed', 'DELETE FROM log WHERE seq = 4', ['9 kept', 'plant: stored']],
    ['a reading too many', 'INSERT INTO log VALUES (11, 1, 0, 0.0, 1, 0, 0)', ['11 kept', 'cloud:', 'plant:']],
    ['lost confirmations', 'DELETE FROM confirmed', ['cloud: stored 10 is not confirmed 4 + waiting 10']],
    ['a counter of confirmations', 'UPDATE confirmed_counts SET confirmed = 5', ['confirmed 5 + waiting 6']],
    ['a range too wide', 'UPDATE confirmed SET last = 7', ['cloud: stored 10 is not confirmed 4 + waiting 5']],
    ['a counter of what was dropped', 'UPDATE devices SET dropped = 1', ['10 kept + 1 removed']],
  ])('names the equation that %s breaks', (_what, sql, texts) => {
    const folder = makeAccount()
    expect(imbalances(folder)).toEqual([])
    tamper(folder, sql)
    expect(imbalances(folder)).toEqual(texts.map((text) => expect.stringContaining(text)))
  })

  it('reads counters that an earlier version left before they were folded', () => {
    const folder = makeAccount()
    const counts = Buffer.from(
      writeNumbers([
        [1, 2],
        [1, 5, 3, 1, 1],
      ]),
    ).toString('hex')
    tamper(folder, `INSERT INTO tallies (counts) VALUES (x'${counts}')`)
    const reader = openReader(folder)
    expect(reader.ledger()).toMatchObject([{ received: 17, stored: 15, rejected: 1, partial: 0, duplicate: 1 }])
    reader.close()
  })

  it('can be read for a single uplink', () => {
    const reader = openReader(makeAccount())
    expect(Object.keys(reader.ledger()[0]!.perUplink).sort()).toEqual(['cloud', 'plant'])
    expect(reader.ledger('cloud')[0]!.perUplink).toEqual({ cloud: { confirmed: 4, waiting: 6, parked: 0, dropped: 0 } })
    reader.close()
  })
})

describe('a reader', () => {
  it('sees what an open store has committed, and cannot write', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 10)
    store.write(() => store.outbox('cloud').confirm([{ first: 1, last: 4 }], store.lastSeq))
    const reader = openReader(folder)
    expect(reader.summary()).toEqual({
      epoch: store.epoch,
      lastSeq: 10,
      devices: 1,
      series: 1,
      rejects: 0,
      unrouted: 0,
      backlogs: [{ uplink: 'cloud', confirmed: 4, waiting: 6 }],
    })
    appendMany(store, 1)
    expect(reader.summary().lastSeq).toBe(11)
    reader.close()
    store.close()
  })
})
