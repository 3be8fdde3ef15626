import SQLite, { type Database } from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Value } from '../../src/base/reading.ts'
import { rowValue } from '../../src/store/log.ts'
import type { Series } from '../../src/store/series/series.ts'
import type { Store } from '../../src/store/store.ts'
import { countsOf } from '../../src/store/tallies.ts'
import { tempFolder } from '../../support/folder.ts'
import { append, appendMany, imbalances, openStore, positions, tamper } from './stores.ts'

const EDGE_VALUES: readonly Value[] = [
  0,
  -0,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  2.2250738585072014e-308,
  Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  2 ** 53 + 2,
  2 ** 63,
  Infinity,
  -Infinity,
  0.1 + 0.2,
  1,
  true,
  false,
  '',
  '1',
  'a\0b',
  '🌊 Ebbe',
  null,
  new Uint8Array(0),
  new Uint8Array([0, 255]),
]

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.uint8Array(),
  fc.constant(null),
  fc.constantFrom(...EDGE_VALUES),
)

function same(a: Value, b: Value): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : Object.is(a, b)
}

/** The in-memory view of what is on the disk. */
function memory(store: Store): unknown {
  const press = store.intake.catalog.device('press')
  return {
    devices: store.intake.catalog.deviceCount,
    series: store.intake.catalog.seriesCount,
    press: countsOf(press),
    type: store.intake.catalog.find(press, 'force', undefined).type,
    lastSeq: store.lastSeq,
    confirmed: [...store.outbox('cloud').settled],
    epoch: store.epoch,
  }
}

/** Changes everything that is held in memory. */
function work(store: Store): void {
  for (let i = 0; i < 40; i++) append(store)
  append(store, { device: 'newcomer', metric: 'heat', unit: 'Cel' })
  append(store, { metric: 'wear', value: 'little' })
  const press = store.intake.catalog.device('press')
  store.intake.catalog.setKind(store.intake.catalog.find(press, 'force', undefined), { type: 'text', isNew: false })
  store.outbox('cloud').confirm([{ first: 3, last: 8 }], store.lastSeq)
  store.amend([{ series: 1, seq: 1, quality: 4, reasons: 1 }])
}

/** A disk on which even a rollback fails, once. */
function withStuckRollback<T>(task: () => T): T {
  const { exec } = SQLite.prototype
  SQLite.prototype.exec = function (this: Database, sql) {
    if (sql !== 'ROLLBACK') return exec.call(this, sql)
    SQLite.prototype.exec = exec
    throw new Error('disk I/O error')
  }
  try {
    return task()
  } finally {
    SQLite.prototype.exec = exec
  }
}

describe('the values of readings', () => {
  it('are read back bit for bit, with their type, also from a file that was closed', () => {
    const folder = tempFolder()
    const property = fc.property(fc.array(value, { minLength: 1, maxLength: 40, size: 'max' }), (values) => {
      let store = openStore(folder)
      const first = store.lastSeq + 1
      store.write(() => {
        for (const one of values) append(store, { value: one })
      })
      const written = [...store.readFrom(first)].map(rowValue)
      store.close()
      store = openStore(folder)
      const kept = [...store.readFrom(first)].map(rowValue)
      store.close()
      for (const found of [written, kept]) {
        expect(found.length).toBe(values.length)
        expect(values.filter((one, i) => !same(found[i]!, one))).toEqual([])
      }
    })
    fc.assert(property, { numRuns: 30, examples: [[[...EDGE_VALUES]]] })
  }, 90_000)

  it('are read with their time, verdict and arrival, in pages of any size', () => {
    const store = openStore(tempFolder())
    store.write(() => {
      for (let i = 0; i < 50; i++) append(store, { ts: i * 1_000, value: i, quality: 3, reasons: 2 ** 31 + i })
    })
    for (const pageRows of [1, 7, 50, 51]) {
      const rows = [...store.readFrom(11, pageRows)]
      expect(rows.map((row) => [row[0], row[2], row[4], row[5], row[6]])).toEqual(
        Array.from({ length: 40 }, (_, i) => [i + 11, (i + 10) * 1_000, 3, 2 ** 31 + i + 10, (i + 10) * 1_000]),
      )
    }
    store.close()
  })
})

describe('the positions of readings', () => {
  it('rise by one over commits of any size and restarts', () => {
    const folder = tempFolder()
    let expected = 0
    for (const count of [1, 15, 16, 17, 0, 100]) {
      const store = openStore(folder)
      appendMany(store, count)
      expected += count
      expect(positions(store)).toEqual(Array.from({ length: expected }, (_, i) => i + 1))
      store.close()
    }
  })

  it('are not assigned again when the log is empty: confirmed positions were assigned', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    appendMany(store, 30)
    store.write(() => store.outbox('cloud').confirm([{ first: 1, last: 30 }], store.lastSeq))
    store.close()
    tamper(folder, 'DELETE FROM log')
    store = openStore(folder)
    expect(positions(store)).toEqual([])
    expect(store.write(() => append(store))).toBe(31)
    store.close()
  })
})

describe('a failed transaction', () => {
  it('leaves memory as the disk is: catalog, counters, types, positions, confirmations', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    appendMany(store, 20)
    const before = memory(store)
    const fail = (): never => {
      throw new Error('no')
    }
    expect(() =>
      store.write(() => {
        work(store)
        fail()
      }),
    ).toThrow('no')
    expect(memory(store)).toEqual(before)
    expect(positions(store).length).toBe(20)
    store.close()
    store = openStore(folder)
    expect(memory(store)).toEqual(before)
    store.write(() => work(store))
    expect(positions(store)).toEqual(Array.from({ length: 62 }, (_, i) => i + 1))
    const after = memory(store)
    store.close()
    store = openStore(folder)
    expect(memory(store)).toEqual(after)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('is undone before the next one even when its rollback failed', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 20)
    const before = memory(store)
    const failing = (): void =>
      store.write(() => {
        work(store)
        throw new Error('no')
      })
    expect(() => withStuckRollback(failing)).toThrow('disk I/O error')
    store.write(() => undefined)
    expect(memory(store)).toEqual(before)
    appendMany(store, 1)
    expect(store.lastSeq).toBe(21)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a reading without a unit', () => {
  it('belongs to the series that had the last reading of its metric', () => {
    const store = openStore(tempFolder())
    const { catalog } = store.intake
    const seriesOf = (unit?: string): Series => store.write(() => catalog.find(catalog.device('press'), 'heat', unit))
    const celsius = seriesOf('Cel')
    const kelvin = seriesOf('K')
    catalog.makeCurrent(kelvin)
    expect(seriesOf()).toBe(kelvin)
    catalog.makeCurrent(seriesOf('Cel'))
    expect(seriesOf()).toBe(celsius)
    store.close()
  })

  it('keeps the only unit of its metric over a restart, and has none where there were several', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    const seriesOf = (metric: string, unit?: string): Series =>
      store.write(() => store.intake.catalog.find(store.intake.catalog.device('press'), metric, unit))
    for (const unit of ['Cel', 'K', 'degF']) seriesOf('heat', unit)
    seriesOf('force', 'N')
    store.close()
    store = openStore(folder)
    expect(seriesOf('force').unit).toBe('N')
    expect(store.intake.catalog.known('press', 'heat', undefined)).toBeUndefined()
    expect(seriesOf('heat').unit).toBe('')
    store.close()
  })
})
