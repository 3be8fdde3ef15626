import { cpSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Quality, Value } from '../../../src/base/reading.ts'
import { checkStore } from '../../../src/store/recovery/check.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, type Kept, runHousekeeping } from '../sealed.ts'
import { append, imbalances, openStore, type Row, storeSettings, takeNext, tamper } from '../stores.ts'

const NOW = Date.now()

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -500, max: 500 }).map((n) => n / 100) },
  fc.double({ noNaN: true }),
  fc.constantFrom(-0, 5e-324, Number.MAX_VALUE, 2 ** 53 + 2, Infinity, 0.1 + 0.2),
  fc.boolean(),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(null),
)
const row: fc.Arbitrary<Required<Omit<Row, 'unit'>>> = fc.record({
  device: fc.constantFrom('press', 'pump', 'oven'),
  metric: fc.constantFrom('force', 'heat'),
  value,
  ts: fc.integer({ min: 0, max: 2_000 }),
  quality: fc.constantFrom<Quality>(1, 1, 1, 2, 3, 4, 9),
  reasons: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
})

/** Readings of two series, so that 64 of them are enough for a seal. */
const fewSeries = fc
  .tuple(row, fc.boolean())
  .map(([one, second]) => ({ ...one, device: 'press', metric: second ? 'a' : 'b' }))

/** A step of a test. `slices`: run this many slices of housekeeping, which may leave work undone. */
type Step =
  | { readonly kind: 'append'; readonly rows: readonly Required<Omit<Row, 'unit'>>[] }
  | { readonly kind: 'slices'; readonly count: number }
  | { readonly kind: 'amend'; readonly at: number; readonly quality: Quality }
  | { readonly kind: 'confirm'; readonly share: number }
  | { readonly kind: 'fail' | 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(row, { minLength: 1, maxLength: 60 }).map((rows): Step => ({ kind: 'append', rows })),
  },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 12 }).map((count): Step => ({ kind: 'slices', count })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.constantFrom<Quality>(3, 4))
      .map(([at, quality]): Step => ({ kind: 'amend', at, quality })),
  },
  fc.double({ min: 0, max: 1, noNaN: true }).map((share): Step => ({ kind: 'confirm', share })),
  fc.constantFrom<Step>({ kind: 'fail' }, { kind: 'restart' }),
)

/** Applies steps to a store and to a plain list. */
class Twin {
  readonly folder = tempFolder()
  store = this.#open()
  readonly model: Kept[] = []

  #open(): Store {
    return openStore(this.folder, { sealRows: 64 })
  }

  apply(one: Step): void {
    const { store, model } = this
    if (one.kind === 'append') this.#append(one.rows)
    else if (one.kind === 'slices') {
      for (let i = 0; i < one.count; i++) if (!store.runHousekeeping({ now: NOW, busy: false })) break
    } else if (one.kind === 'amend' && model.length > 0) {
      const at = Math.floor(one.at * model.length)
      const { seq, series } = model[at]!
      const verdict = { quality: one.quality, reasons: 64 }
      store.write(() => store.amend([{ seq, series, ...verdict }]))
      model[at] = { ...model[at]!, ...verdict }
    } else if (one.kind === 'confirm') {
      const last = Math.floor(one.share * store.lastSeq)
      store.write(() => store.outbox('cloud').confirm([{ first: 1, last }], store.lastSeq))
    } else if (one.kind === 'fail') {
      const failing = (): void =>
        store.write(() => {
          append(store)
          throw new Error('no')
        })
      expect(failing).toThrow('no')
    } else if (one.kind === 'restart') {
      store.close()
      this.store = this.#open()
    }
  }

  #append(rows: readonly Required<Omit<Row, 'unit'>>[]): void {
    const { store, model } = this
    store.write(() => {
      for (const one of rows) {
        const seq = append(store, one)
        const series = store.intake.catalog.find(store.intake.catalog.device(one.device), one.metric, undefined).id
        const { ts, value, quality, reasons } = one
        model.push({ seq, series, ts, value, quality, reasons })
      }
    })
  }
}

/** The readings in a copy of the files as they are now, as after a crash, and what the check finds there. */
function afterCrash({ folder }: Twin): { found: Kept[]; problems: readonly string[] } {
  const copy = tempFolder()
  for (const suffix of ['', '-wal']) cpSync(`${folder}/tidegate.db${suffix}`, `${copy}/tidegate.db${suffix}`)
  const store = openStore(copy, { sealRows: 64 })
  const before = contents(store)
  runHousekeeping(store, NOW)
  expect(contents(store)).toStrictEqual(before)
  store.close()
  return { found: before, problems: checkStore(copy).problems }
}

describe('a store that seals and merges', () => {
  it('returns every reading as it was, once, for any sequence of steps', () => {
    const property = fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const twin = new Twin()
      for (const one of steps) twin.apply(one)
      expect(contents(twin.store)).toStrictEqual(twin.model)
      runHousekeeping(twin.store, NOW)
      expect(contents(twin.store)).toStrictEqual(twin.model)
      twin.store.close()
      expect(checkStore(twin.folder).problems).toEqual([])
    })
    fc.assert(property, { numRuns: 25 })
  }, 60_000)

  it('has each reading exactly once at every point at which it can be killed', () => {
    const twin = new Twin()
    const rows = fc.sample(fewSeries, { numRuns: 70 * 33, seed: 7 })
    for (let at = 0; at < rows.length; at += 70) twin.apply({ kind: 'append', rows: rows.slice(at, at + 70) })
    twin.apply({ kind: 'confirm', share: 1 })
    let states = 0
    let last = ''
    for (let slices = 0; twin.store.runHousekeeping({ now: NOW, busy: false }); slices++) {
      if (slices === 20) twin.apply({ kind: 'amend', at: 0.1, quality: 3 })
      const state = JSON.stringify([twin.store.sealed.seals.all.length, twin.store.sealed.seals.sealedUpTo])
      // The state changes only when the list of seals changes; leftovers differ in between. Check each change, and
      // some states in between.
      if (state === last && slices % 25 !== 0) continue
      last = state
      states++
      const { found, problems } = afterCrash(twin)
      expect(found).toStrictEqual(twin.model)
      expect(problems).toEqual([])
    }
    expect(states).toBeGreaterThan(35)
    expect(twin.store.sealed.seals.all.map(({ level }) => level)).toContain(1)
    twin.store.close()
  }, 60_000)

  it('applies a verdict that changes while its reading is being sealed or merged', () => {
    const twin = new Twin()
    const rows = fc.sample(fewSeries, { numRuns: 64 * 32, seed: 8 })
    const amendAt = (at: number): void => twin.apply({ kind: 'amend', at, quality: 4 })
    for (let at = 0; at < rows.length; at += 64) twin.apply({ kind: 'append', rows: rows.slice(at, at + 64) })
    twin.apply({ kind: 'confirm', share: 1 })
    let [sealing, merging] = [0, 0]
    for (let slices = 0; twin.store.runHousekeeping({ now: NOW, busy: false }); slices++) {
      amendAt((slices * 0.37) % 1)
      const { all } = twin.store.sealed.seals
      if (all.length === 32) merging++
      else if (all.length < 32) sealing++
    }
    expect(Math.min(sealing, merging)).toBeGreaterThan(2)
    expect(twin.store.sealed.seals.all.length).toBe(1)
    expect(contents(twin.store)).toStrictEqual(twin.model)
    twin.store.close()
  })

  it('shows no block that a crash has left, also when it is too busy to delete it', () => {
    const folder = tempFolder()
    openStore(folder, { sealRows: 64 }).close()
    tamper(
      folder,
      `INSERT INTO blocks SELECT value * 16777216 + 99, 1, 1, 1, 1, 1, 1, 1, 1, 1.0, 1.0, 1.0, 1.0, 1.0, x'00'
       FROM json_each('[1,2,3,4]')`,
    )
    const store = openStore(folder, { sealRows: 64 })
    store.write(() => {
      for (let i = 0; i < 64 * 4; i++) append(store, { metric: i % 2 === 0 ? 'a' : 'b', ts: NOW, value: i })
    })
    while (store.runHousekeeping({ now: NOW, busy: true }));
    expect(store.sealed.seals.all.length).toBe(4)
    expect(contents(store).map(({ value }) => value)).toEqual(Array.from({ length: 64 * 4 }, (_, i) => i))
    runHousekeeping(store, NOW)
    expect(store.sealed.blocks.nextPart(0)).toBe(store.sealed.seals.all[0]!.id)
    store.close()
  })

  it('splits a series that has more readings than a block may', () => {
    const store = openStore(tempFolder(), { sealRows: 40_000 })
    store.write(() => {
      for (let i = 0; i < 40_000; i++)
        append(store, { value: i, ts: NOW + i, device: i % 4_000 === 0 ? 'slow' : 'fast' })
    })
    runHousekeeping(store, NOW)
    expect(store.sealed.seals.all.map(({ parts, blocks, readings }) => [parts, blocks, readings])).toEqual([
      [3, 4, 40_000],
    ])
    expect(contents(store).map(({ value }) => value)).toEqual(Array.from({ length: 40_000 }, (_, i) => i))
    store.close()
  })

  it('leaves seals with unconfirmed readings as they are, and merges them after confirmation', () => {
    const twin = new Twin()
    const rows = fc.sample(fewSeries, { numRuns: 64 * 40, seed: 9 })
    for (let at = 0; at < rows.length; at += 64) twin.apply({ kind: 'append', rows: rows.slice(at, at + 64) })
    runHousekeeping(twin.store, NOW)
    expect(twin.store.sealed.seals.all.length).toBe(40)
    twin.apply({ kind: 'confirm', share: 1 })
    runHousekeeping(twin.store, NOW)
    expect(twin.store.sealed.seals.all.map(({ level }) => level)).toEqual([1, ...Array(8).fill(0)])
    expect(contents(twin.store)).toStrictEqual(twin.model)
    twin.store.close()
  })

  it('delays sealing while publishes keep it busy, up to a bound', () => {
    const store = openStore(tempFolder(), { sealRows: 64 })
    const busy = { now: NOW, busy: true }
    for (let stretch = 1; stretch < 4; stretch++) {
      store.write(() => {
        for (let i = 0; i < 64; i++) append(store, { ts: NOW })
      })
      expect(store.runHousekeeping(busy)).toBe(false)
    }
    store.write(() => {
      for (let i = 0; i < 64; i++) append(store, { ts: NOW })
    })
    while (store.runHousekeeping(busy));
    expect(store.sealed.seals.all.map(({ readings }) => readings)).toEqual(Array(4).fill(64))
    store.close()
  })

  it('recognizes a repeat of a sealed reading', () => {
    const twin = new Twin()
    const rows = fc.sample(fewSeries, { numRuns: 200, seed: 11 })
    twin.apply({ kind: 'append', rows })
    runHousekeeping(twin.store, NOW)
    expect(twin.store.sealed.seals.sealedUpTo).toBeGreaterThan(60)
    for (const { series, ts, value } of twin.model) {
      expect(twin.store.intake.repeats.stored({ series, ts, value }, twin.store.lastSeq).takeAny()).toBe(true)
      expect(twin.store.intake.repeats.stored({ series, ts: ts + 10_000, value }, twin.store.lastSeq).takeAny()).toBe(
        false,
      )
    }
    twin.store.close()
  })

  it('seals fewer readings once they are old', () => {
    const store = openStore(tempFolder(), { sealRows: 64, sealAgeMs: 60_000 })
    store.write(() => append(store, { ts: NOW }))
    runHousekeeping(store, NOW + 59_999)
    expect(store.sealed.seals.sealedUpTo).toBe(0)
    runHousekeeping(store, NOW + 60_000)
    expect(store.sealed.seals.sealedUpTo).toBe(1)
    store.close()
  })
})

describe('an uplink over sealed readings', () => {
  it('is offered each of them once, in order, from blocks and from the log', () => {
    const twin = new Twin()
    const rows = fc.sample(fewSeries, { numRuns: 64 * 5 + 30, seed: 10 })
    for (let at = 0; at < rows.length; at += 70) twin.apply({ kind: 'append', rows: rows.slice(at, at + 70) })
    runHousekeeping(twin.store, NOW)
    expect(twin.store.sealed.seals.sealedUpTo).toBeGreaterThan(64 * 4)
    const outbox = twin.store.outbox('cloud')
    const offered: number[] = []
    for (let rounds = 0; rounds < 1_000; rounds++) {
      if (!outbox.prepare('live', twin.store.lastSeq, 0)) continue
      const next = takeNext(twin.store, outbox, 'live', 23)
      if (next === undefined) break
      offered.push(...next.seqs)
      twin.store.write(() => outbox.confirm([next.range], twin.store.lastSeq))
    }
    expect(offered).toEqual(twin.model.map(({ seq }) => seq))
    expect(twin.store.backlog(outbox)).toMatchObject({ waiting: 0, confirmed: rows.length })
    twin.store.close()
    expect(imbalances(twin.folder)).toEqual([])
  })
})

describe('the settings of the store', () => {
  it('refuse a `sealRows` too small to be worth a block', () => {
    expect(() => storeSettings({ sealRows: 63 })).toThrow('sealRows')
  })
})
