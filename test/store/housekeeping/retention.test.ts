import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { worse } from '../../../src/base/flags.ts'
import type { Quality, StoredReading } from '../../../src/base/reading.ts'
import { edgeSettings, type StoreSettings } from '../../../src/settings/edge.ts'
import { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, type Kept, runHousekeeping } from '../sealed.ts'
import { append, connect, everything, imbalances } from '../stores.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const NOW = Date.UTC(2026, 5, 30)

interface Scene {
  readonly folder: string
  readonly store: Store
  readonly archived: StoredReading[]
}

function open(
  store: { [Key in keyof StoreSettings]?: unknown },
  { folder = tempFolder(), uplinks = ['cloud'] }: { folder?: string; uplinks?: readonly string[] } = {},
): Scene {
  const archived: StoredReading[] = []
  const settings = edgeSettings.parse({ edge: 'site', store: { sealRows: 64, ...store } }).store
  return {
    folder,
    store: Store.open(folder, settings, uplinks.map(everything), { archive: (all) => archived.push(...all) }),
    archived,
  }
}

/** Appends readings of two series, one per hour from `first` on; each day is one stretch or several. */
function appendHours(store: Store, first: number, hours: number): void {
  for (let start = 0; start < hours; start += 32) {
    store.write(() => {
      for (let hour = start; hour < Math.min(hours, start + 32); hour++) {
        const ts = first + hour * HOUR_MS
        append(store, { device: 'press', metric: 'heat', ts, value: hour / 4, quality: hour % 5 === 0 ? 3 : 1 })
        append(store, { device: 'press', metric: 'force', ts, value: -hour })
      }
    })
  }
}

function confirmAll(store: Store): void {
  store.write(() => store.outbox('cloud').confirm([{ first: 1, last: store.lastSeq }], store.lastSeq))
}

/** An operator agrees to what retention removes, however much it is. */
function acceptAll(store: Store, now: number): void {
  store.write(() => store.upkeep.housekeeping.expiry.accept(now))
}

interface Rollup {
  readonly series: number
  readonly hour: number
  readonly readings: number
  readonly good: number
  readonly worst: number
  readonly numbers: number
  readonly value_min: number | null
  readonly value_max: number | null
  readonly value_sum: number | null
}

function rollups(folder: string): Rollup[] {
  const database = connect(folder)
  const columns = 'series, hour, readings, good, worst, numbers, value_min, value_max, value_sum'
  const rows = database.prepare(`SELECT ${columns} FROM rollups ORDER BY series, hour`).all() as Rollup[]
  database.close()
  return rows
}

/** Sums of these readings by series and hour, counted one by one. */
function bruteForce(gone: readonly Kept[]): Rollup[] {
  const groups = Map.groupBy(gone, ({ series, ts }) => `${series} ${Math.floor(ts / HOUR_MS) * HOUR_MS}`)
  const sums = [...groups].map(([key, all]): Rollup => {
    const [series, hour] = key.split(' ').map(Number) as [number, number]
    const values = all
      .filter(({ quality }) => quality !== 4)
      .map(({ value }) => value)
      .filter((value) => typeof value === 'number')
    return {
      series,
      hour,
      readings: all.length,
      numbers: values.length,
      good: all.filter(({ quality }) => quality === 1).length,
      worst: all.reduce((flag, { quality }) => worse(flag, quality), 9 as Quality),
      value_min: values.length === 0 ? null : Math.min(...values),
      value_max: values.length === 0 ? null : Math.max(...values),
      value_sum: values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0),
    }
  })
  return sums.sort((a, b) => a.series - b.series || a.hour - b.hour)
}

describe('retention', () => {
  it('removes readings older than the first matching rule allows, keeps hourly sums, and counts them in the ledger', () => {
    const retention = [
      { match: '*/heat', rawDays: 10, rollupDays: 365 },
      { match: 'pump/*', rawDays: 1 },
    ]
    const { folder, store } = open({ retention })
    appendHours(store, NOW - 20 * DAY_MS, 20 * 24)
    const before = contents(store)
    runHousekeeping(store, NOW - 12 * DAY_MS)
    confirmAll(store)
    acceptAll(store, NOW)
    runHousekeeping(store, NOW)
    const after = contents(store)
    const ids = new Set(after.map(({ seq }) => seq))
    const gone = before.filter(({ seq }) => !ids.has(seq))
    expect(gone.length).toBeGreaterThan(200)
    const heat = store.intake.catalog.find(store.intake.catalog.device('press'), 'heat', undefined).id
    expect(gone.every(({ series, ts }) => series === heat && NOW - ts > 10 * DAY_MS)).toBe(true)
    // A block is removed when its last reading is too old: the readings that are left are fewer than a stretch.
    expect(after.filter(({ series, ts }) => series === heat && NOW - ts > 10 * DAY_MS).length).toBeLessThan(64)
    expect(store.upkeep.removal.takeSummary()).toEqual({ expired: gone.length, dropped: 0, thinned: 0, damaged: 0 })
    expect(store.upkeep.removal.takeSummary()).toBeUndefined()
    store.close()
    expect(rollups(folder)).toEqual(bruteForce(gone))
    expect(imbalances(folder)).toEqual([])
  })

  it('removes no reading because of its age before every uplink has confirmed it', () => {
    const retention = [{ match: '*/*', rawDays: 1 }]
    const { folder, store } = open({ retention }, { uplinks: ['cloud', 'plant'] })
    appendHours(store, NOW - 20 * DAY_MS, 20 * 24)
    confirmAll(store)
    acceptAll(store, NOW)
    runHousekeeping(store, NOW)
    expect(contents(store).length).toBe(2 * 20 * 24)
    store.write(() => store.outbox('plant').confirm([{ first: 1, last: 300 }], store.lastSeq))
    acceptAll(store, NOW + HOUR_MS)
    runHousekeeping(store, NOW + HOUR_MS)
    const left = contents(store)
    expect(left.length).toBeLessThan(2 * 20 * 24 - 200)
    expect(left.filter(({ seq }) => seq > 300).length).toBe(2 * 20 * 24 - 300)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('archives readings before it removes them, each once and unchanged', () => {
    const retention = [
      { match: '*/heat', rawDays: 1, archive: true },
      { match: '*/*', rawDays: 1 },
    ]
    const { store, archived } = open({ retention, archive: 'archive' })
    appendHours(store, NOW - 9 * DAY_MS, 9 * 24)
    const heat = contents(store).filter(({ series }) => series === 1)
    confirmAll(store)
    acceptAll(store, NOW)
    runHousekeeping(store, NOW)
    const left = contents(store).filter(({ series }) => series === 1)
    expect(archived.map(({ seq }) => seq)).toEqual(heat.slice(0, heat.length - left.length).map(({ seq }) => seq))
    expect(archived.length).toBeGreaterThan(100)
    expect(archived[0]).toEqual({
      device: 'press',
      metric: 'heat',
      unit: undefined,
      seq: heat[0]!.seq,
      ts: heat[0]!.ts,
      value: heat[0]!.value,
      quality: 3,
      reasons: 0,
    })
    store.close()
  })

  it('keeps readings that cannot be archived', () => {
    const folder = tempFolder()
    const retention = [{ match: '*/*', rawDays: 1, archive: true }]
    const settings = edgeSettings.parse({ edge: 'site', store: { sealRows: 64, retention, archive: 'a' } }).store
    const store = Store.open(folder, settings, [], {
      archive: () => {
        throw new Error('the archive is full')
      },
    })
    appendHours(store, NOW - 9 * DAY_MS, 9 * 24)
    acceptAll(store, NOW)
    expect(() => runHousekeeping(store, NOW)).toThrow('the archive is full')
    expect(contents(store).length).toBe(2 * 9 * 24)
    store.close()
  })

  it('removes hourly sums after their time', () => {
    const retention = [{ match: '*/*', rawDays: 1, rollupDays: 5 }]
    const { folder, store } = open({ retention }, { uplinks: [] })
    appendHours(store, NOW - 9 * DAY_MS, 9 * 24)
    acceptAll(store, NOW)
    runHousekeeping(store, NOW)
    store.close()
    const hours = rollups(folder).map(({ hour }) => hour)
    // Sums age with the seal that they come from, which spans 32 hours here.
    expect(Math.min(...hours)).toBeLessThanOrEqual(NOW - 5 * DAY_MS)
    expect(Math.min(...hours)).toBeGreaterThan(NOW - 5 * DAY_MS - 33 * HOUR_MS)
    expect(hours.length).toBeGreaterThan(100)
  })

  it('keeps each reading in the store or in a sum, never in both, at every point at which it can be killed', () => {
    const retention = [
      { match: '*/heat', rawDays: 3, rollupDays: 100 },
      { match: '*/*', rawDays: 5, rollupDays: 100 },
    ]
    const { folder, store } = open({ retention }, { uplinks: [] })
    appendHours(store, NOW - 12 * DAY_MS, 12 * 24)
    let steps = 0
    acceptAll(store, NOW)
    while (store.runHousekeeping({ now: NOW, busy: false })) {
      steps++
      const kept = contents(store).length
      const summed = rollups(folder).reduce((sum, { readings }) => sum + readings, 0)
      expect(kept + summed).toBe(2 * 12 * 24)
      if (steps % 7 === 0) expect(imbalances(folder)).toEqual([])
    }
    expect(rollups(folder).length).toBeGreaterThan(200)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('adds sums correctly for any values, and however often an hour is extended', () => {
    const value = fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.constantFrom(null, true, 'on', Infinity))
    const reading = fc.record({
      value,
      ts: fc.integer({ min: NOW - 9 * DAY_MS, max: NOW - 9 * DAY_MS + 3 * HOUR_MS }),
      quality: fc.constantFrom<Quality>(1, 2, 3, 4, 9),
    })
    const property = fc.property(fc.array(reading, { minLength: 100, maxLength: 300 }), (all) => {
      const { folder, store } = open({ retention: [{ match: '*/*', rawDays: 1, rollupDays: 100 }] }, { uplinks: [] })
      store.write(() => {
        for (const one of all) append(store, one)
      })
      const before = contents(store)
      acceptAll(store, NOW)
      runHousekeeping(store, NOW)
      const left = new Set(contents(store).map(({ seq }) => seq))
      store.close()
      expect(left.size).toBeLessThan(all.length)
      expect(rollups(folder)).toEqual(bruteForce(before.filter(({ seq }) => !left.has(seq))))
    })
    fc.assert(property, { numRuns: 25 })
  })
})
