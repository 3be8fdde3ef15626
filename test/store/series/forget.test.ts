import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openReader } from '../../../src/store/reader.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, imbalances, openStore, tamper } from '../stores.ts'

const NAMES = ['rnd1', 'rnd2', 'press', 'oven'] as const

const reading = fc.record({ device: fc.constantFrom(...NAMES), metric: fc.constantFrom('a', 'b') })
const confirmed = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30 })), {
  maxLength: 4,
})

/** Confirms the readings at these positions, as the receiver's receipt does. */
function confirm(store: Store, ranges: readonly (readonly [number, number])[]): void {
  const outbox = store.outbox('cloud')
  store.write(() => {
    for (const [first, length] of ranges) outbox.confirm([{ first, last: first + length - 1 }], store.lastSeq)
  })
}

function devicesOf(folder: string): string[] {
  const reader = openReader(folder)
  const names = reader.ledger().map(({ device }) => device)
  reader.close()
  return names
}

describe('devices that an operator gives up', () => {
  it('lose exactly the readings that the order includes, whatever is confirmed or sealed, and the ledger balances', () => {
    const property = fc.property(
      fc.array(reading, { minLength: 1, maxLength: 200 }),
      confirmed,
      fc.boolean(),
      fc.boolean(),
      (readings, ranges, unconfirmed, sealsBefore) => {
        const folder = tempFolder()
        const store = openStore(folder, { sealRows: 64 })
        store.write(() => {
          for (const [i, one] of readings.entries()) append(store, { ...one, ts: 1_000 + i })
        })
        if (sealsBefore) runHousekeeping(store)
        confirm(store, ranges)
        const names = new Map([...store.intake.catalog.all()].map(({ id, device }) => [id, device.name]))
        const { settled } = store.outbox('cloud')
        const goes = ({ seq, series }: { seq: number; series: number }): boolean =>
          names.get(series)!.startsWith('rnd') && (unconfirmed || settled.has(seq))
        const before = contents(store)
        store.write(() => store.upkeep.series.order({ devices: 'rnd*', unconfirmed, at: Number.MAX_SAFE_INTEGER }))
        runHousekeeping(store)
        const after = contents(store)
        // A block keeps its confirmed readings as long as one of them is not confirmed.
        const kept = new Set(after.map(({ seq }) => seq))
        expect(before.filter((one) => !kept.has(one.seq) && !goes(one))).toEqual([])
        expect(after).toEqual(before.filter(({ seq }) => kept.has(seq)))
        if (unconfirmed) expect(after.filter(goes)).toEqual([])
        const left = new Set(after.map(({ series }) => names.get(series)!))
        store.close()
        expect(imbalances(folder)).toEqual([])
        expect(devicesOf(folder).filter((name) => name.startsWith('rnd'))).toEqual(
          [...left].filter((name) => name.startsWith('rnd')).sort(),
        )
      },
    )
    fc.assert(property, { numRuns: 25 })
  })

  it('lose what came before the order and keep what comes after it, however soon that is', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 200 }),
      fc.boolean(),
      (before, after, waits) => {
        const folder = tempFolder()
        const store = openStore(folder, { sealRows: 64 })
        const more = (count: number): void =>
          store.write(() => {
            for (let i = 0; i < count; i++) append(store, { device: i % 2 === 0 ? 'gone' : 'press' })
          })
        more(before)
        store.write(() => {
          store.upkeep.series.order({ devices: 'gone', unconfirmed: !waits, at: Number.MAX_SAFE_INTEGER })
        })
        more(after)
        // Seals are merged before the order can be carried out.
        if (waits) confirm(store, [[before + 1, after]])
        runHousekeeping(store)
        confirm(store, [[1, before + after]])
        store.close()
        const again = openStore(folder, { sealRows: 64 })
        runHousekeeping(again)
        const gone = again.intake.catalog.device('gone')
        const left = contents(again).filter(({ series }) => again.intake.catalog.series(series)!.device === gone)
        expect(left.filter(({ seq }) => seq <= before)).toEqual([])
        expect(left).toHaveLength(Math.ceil(after / 2))
        again.close()
        expect(imbalances(folder)).toEqual([])
      },
    )
    fc.assert(property, { numRuns: 40 })
  })

  it('keep the rejects that arrive after the order, however long it waits for confirmations', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    const reject = (): void => {
      const device = store.intake.catalog.device('gone')
      device.received++
      device.rejected++
      store.intake.catalog.touch(device)
      store.intake.rejects.add({
        receivedAt: 1,
        device,
        topic: 't',
        client: '',
        reason: 'odd',
        payload: Buffer.from('?'),
      })
    }
    store.write(() => {
      append(store, { device: 'gone' })
      reject()
      store.upkeep.series.order({ devices: 'gone', unconfirmed: false, at: Number.MAX_SAFE_INTEGER })
    })
    runHousekeeping(store)
    store.write(reject)
    store.close()
    const again = openStore(folder)
    runHousekeeping(again)
    again.close()
    const reader = openReader(folder)
    expect(reader.rejects(10).map(({ id }) => id)).toEqual([2])
    reader.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('are removed as soon as their readings are confirmed, also after a restart', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    store.write(() => {
      append(store, { device: 'gone' })
      append(store, { device: 'press' })
      store.upkeep.series.order({ devices: 'gone', unconfirmed: false, at: Number.MAX_SAFE_INTEGER })
    })
    runHousekeeping(store)
    expect(contents(store).length).toBe(2)
    store.close()
    store = openStore(folder)
    confirm(store, [[1, 2]])
    runHousekeeping(store)
    store.close()
    expect(devicesOf(folder)).toEqual(['*', 'press'])
    expect(imbalances(folder)).toEqual([])
  })

  it('add all of their counters to the account of the device `*`', () => {
    const folder = tempFolder()
    const store = openStore(folder, { uplinks: [] })
    store.write(() => append(store, { device: 'gone' }))
    store.close()
    // What 36 messages and fields may have become. None of the stored readings is left but the one that was appended.
    const counts = { received: 36, stored: 11, rejected: 7, partial: 8, duplicate: 10 }
    const removed = { expired: 1, dropped: 2, thinned: 3, damaged: 4 }
    const all = Object.entries({ ...counts, ...removed }).map(([name, n]) => `${name} = ${n}`)
    tamper(folder, `UPDATE devices SET ${all.join()} WHERE name = 'gone'`)
    const again = openStore(folder, { uplinks: [] })
    again.write(() => again.upkeep.series.order({ devices: 'gone', unconfirmed: false, at: Number.MAX_SAFE_INTEGER }))
    runHousekeeping(again)
    again.close()
    const reader = openReader(folder)
    expect(reader.ledger()).toEqual([
      { device: '*', ...counts, ...removed, expired: removed.expired + 1, perUplink: {}, problems: [] },
    ])
    reader.close()
  })

  it('begin anew when they publish again: with a series of another id, and readings after the order are kept', () => {
    const folder = tempFolder()
    const store = openStore(folder, { uplinks: [] })
    store.write(() => append(store, { device: 'pump' }))
    const old = [...store.intake.catalog.all()][0]!
    store.write(() => store.upkeep.series.order({ devices: 'pump', unconfirmed: false, at: Number.MAX_SAFE_INTEGER }))
    runHousekeeping(store)
    expect(store.intake.catalog.seriesCount).toBe(0)
    store.write(() => append(store, { device: 'pump', value: 7 }))
    runHousekeeping(store)
    const [series] = [...store.intake.catalog.all()]
    expect(series!.id).toBeGreaterThan(old.id)
    expect(contents(store).map(({ value }) => value)).toEqual([7])
    store.close()
    const again = openStore(folder, { uplinks: [] })
    expect([...again.intake.catalog.all()].map(({ id }) => id)).toEqual([series!.id])
    again.close()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a catalog that is half full', () => {
  it('loses the series and devices of which nothing is left, and keeps all others', () => {
    const folder = tempFolder()
    const store = openStore(folder, {
      uplinks: [],
      seriesMax: 4,
      sealRows: 64,
      retention: [{ ...RULE, match: 'old/*' }],
    })
    const day = 86_400_000
    store.write(() => {
      append(store, { device: 'old', metric: 'a', ts: day })
      append(store, { device: 'new', metric: 'a', ts: day })
    })
    runHousekeeping(store, 2 * day)
    expect(store.intake.catalog.seriesCount).toBe(2)
    store.write(() => store.upkeep.housekeeping.expiry.accept(30 * day))
    runHousekeeping(store, 30 * day)
    const left = (): string[] => [...store.intake.catalog.all()].map(({ device, metric }) => `${device.name}/${metric}`)
    const later = performance.now() + 1e9
    while (store.upkeep.series.step(later));
    expect(left()).toEqual(['new/a'])
    expect(contents(store).length).toBe(1)
    store.close()
    expect(imbalances(folder)).toEqual([])
    expect(devicesOf(folder)).toEqual(['*', 'new'])
  })
})

const RULE = { rawDays: 1, archive: false } as const
