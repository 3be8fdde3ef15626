import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Seq } from '../../src/base/reading.ts'
import { damagesOf, rootOf, scribble, setAside } from '../store/rescue/damage.ts'
import { account, copyStore, fillStore, type Named, namedReadings, UPLINKS } from '../store/rescue/plant.ts'
import { contents, keepHouse } from '../store/sealed.ts'
import { append, openStore } from '../store/stores.ts'
import { tempFolder } from '../support/folder.ts'

let origin: string
let original: Map<Seq, Named>

beforeAll(() => {
  origin = tempFolder()
  fillStore(origin)
  const store = openStore(origin, { uplinks: UPLINKS })
  original = namedReadings(store)
  store.close()
})

/** A copy of the store, damaged. */
function damagedStore(damage: (file: string) => void): { folder: string; file: string; damaged: Buffer } {
  const folder = tempFolder()
  const file = copyStore(origin, folder)
  damage(file)
  return { folder, file, damaged: readFileSync(file) }
}

const isMadeUp = ({ device }: Named): boolean => device.startsWith('lost')

/** What was salvaged must be what was stored, but for names and changed verdicts that the damage took. */
function compare(salvaged: ReadonlyMap<Seq, Named>, torn: (table: string) => boolean): void {
  const wrong: [Seq, Named][] = []
  for (const [seq, reading] of salvaged) {
    const before = original.get(seq)
    const verdict = torn('verdicts') && before?.quality === 4 ? { quality: 1, reasons: 0 } : {}
    const names = isMadeUp(reading) ? { device: reading.device, metric: reading.metric, unit: reading.unit } : {}
    const expected = { ...before, ...names }
    if (!same(reading, expected) && !same(reading, { ...expected, ...verdict })) wrong.push([seq, reading])
  }
  expect(wrong).toEqual([])
}

const same = (a: object, b: object): boolean => {
  const plain = (_: string, value: unknown): unknown => (Object.is(value, -0) ? '-0' : value)
  return JSON.stringify(a, plain) === JSON.stringify(b, plain)
}

/** Opens a damaged store, and looks at everything that is promised of it. @returns how many readings were salvaged. */
function expectHealed({ folder, damaged }: ReturnType<typeof damagedStore>): number {
  const store = openStore(folder, { uplinks: UPLINKS })
  const salvaged = namedReadings(store)
  const [{ report }] = damagesOf(folder) as [ReturnType<typeof damagesOf>[number]]
  expect(report.nothingBecause).toBeUndefined()
  compare(salvaged, (table) => report.tables[table]!.gaps > 0)
  expect(report.kept).toBe(salvaged.size)
  // Where both its counters and the end of the log are lost, nothing tells of the last readings any more.
  const told = report.tables.devices!.gaps > 0 && report.tables.log!.gaps > 0 ? store.lastSeq : original.size
  expect(report.kept + report.lost).toBe(told)
  expect(setAside(folder)).toEqual([report.file])
  expect(readFileSync(report.file!).equals(damaged)).toBe(true)

  const [first] = store.write(() => [append(store, { device: 'new' }), append(store, { device: 'new' })])
  expect(first).toBeGreaterThan(Math.max(0, ...salvaged.keys()))
  deliverAll(store)
  keepHouse(store, 1e12)
  expect(contents(store)).toHaveLength(salvaged.size + 2)
  store.close()
  expect(account(folder).problems).toEqual([])
  openStore(folder, { uplinks: UPLINKS }).close()
  expect(damagesOf(folder)).toHaveLength(1)
  return salvaged.size
}

/** As an uplink does: until it has nothing to send. Then nothing waits, and every position is settled. */
function deliverAll(store: ReturnType<typeof openStore>): void {
  for (const outbox of store.outboxes) {
    for (let rows = outbox.next(store.lastSeq, 5_000); rows.length > 0; rows = outbox.next(store.lastSeq, 5_000)) {
      const range = { first: rows[0]![0], last: rows.at(-1)![0] }
      outbox.take(range, rows)
      store.write(() => outbox.confirm([range], store.lastSeq))
    }
    expect(store.backlog(outbox).waiting).toBe(0)
    expect([...outbox.settled]).toEqual([{ first: 1, last: store.lastSeq }])
  }
}

describe('a database with pages that cannot be read', () => {
  it.each([1, 2, 3, 4, 5, 6])('keeps what is readable of it, with 200 pages of random bytes (seed %i)', (seed) => {
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: 200, seed })))
    expect(salvaged).toBeGreaterThan(original.size / 5)
  })

  it.each([1, 2, 3, 4, 5, 6])('keeps nearly all of it, with 3 pages of random bytes (seed %i)', (seed) => {
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: 3, seed: seed + 100 })))
    expect(salvaged).toBeGreaterThan(original.size * 0.9)
  })

  it('keeps everything when the first page is lost', () => {
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: [1], seed: 1 })))
    expect(salvaged).toBe(original.size)
  })

  it.each([
    'devices',
    'series',
    'seals',
    'log',
    'blocks',
    'confirmed',
    'confirmed_counts',
    'uplinks',
    'meta',
    'rejects',
    'verdicts',
    'damages',
  ])('keeps every reading, and most of the log, when the root of the table %s is lost', (table) => {
    const root = rootOf(origin, table)
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: [root], seed: 1 })))
    expect(salvaged).toBe(original.size)
  })

  it('knows all names again when the tables of devices and of series are lost, from the indexes over them', () => {
    const pages = [rootOf(origin, 'devices'), rootOf(origin, 'series')]
    const { folder } = damagedStore((file) => scribble(file, { pages, seed: 1 }))
    // …
    const store = openStore(folder, { uplinks: UPLINKS })
    expect(namedReadings(store)).toEqual(original)
    store.close()
  })
})
