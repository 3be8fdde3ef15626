import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../src/store/database.ts'
import { runTidegate } from '../../support/process.ts'
import { SiteEdge } from '../../support/site.ts'
import { damagesOf, rootsOf, scribble, setAside } from '../store/recovery/damage.ts'
import { Original } from '../store/recovery/original.ts'
import { account, namedReadings, UPLINKS } from '../store/recovery/plant.ts'
import { append, openStore } from '../store/stores.ts'
import { startDevice } from './device.ts'

let original: Original

beforeAll(() => {
  original = new Original()
})

describe('a database with pages that cannot be read', () => {
  it.each([1, 2, 3, 4])('keeps all readable readings, with 200 pages of random bytes (seed %i)', (seed) => {
    const salvaged = original.expectHealed(original.wreck((file) => scribble(file, { pages: 200, seed })))
    expect(salvaged).toBeGreaterThan(original.readings.size / 5)
  })

  it.each([101, 102])('keeps nearly all readings, with 3 pages of random bytes (seed %i)', (seed) => {
    const salvaged = original.expectHealed(original.wreck((file) => scribble(file, { pages: 3, seed })))
    expect(salvaged).toBeGreaterThan(original.readings.size * 0.9)
  })

  it.each([
    { what: 'the first page', tables: [] },
    { what: 'the roots of log and blocks', tables: ['log_a', 'log_b', 'blocks'] },
    { what: 'the table of seals and the meta data', tables: ['seals', 'meta'] },
    { what: 'the confirmations', tables: ['confirmed', 'confirmed_counts', 'uplinks'] },
    {
      what: 'the names of devices and the table of series',
      tables: ['devices', 'series', 'sqlite_autoindex_devices_1'],
    },
    { what: 'the names of series and all counters', tables: ['devices', 'series', 'sqlite_autoindex_series_1'] },
  ])('keeps every reading when $what cannot be read', ({ tables }) => {
    const pages = tables.length === 0 ? [1] : rootsOf(original.folder, ...tables)
    const salvaged = original.expectHealed(original.wreck((file) => scribble(file, { pages, seed: 1 })))
    expect(salvaged).toBe(original.readings.size)
  })
})

describe('a file that is hardly a database any more', () => {
  it.each([
    ['cut in half', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2) - 100)],
    ['with half a header', (file: string) => truncateSync(file, 60)],
    ['of zeros', (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
    ['of text', (file: string) => writeFileSync(file, 'these are no pages of SQLite '.repeat(1_000))],
    ['of random bytes', (file: string) => scribble(file, { pages: 100_000, seed: 1 })],
  ])('%s lets the edge start with everything that can be recovered', (what, damage) => {
    const { folder, damaged } = original.wreck(damage)
    const store = openStore(folder, { uplinks: UPLINKS })
    const salvaged = namedReadings(store)
    expect(salvaged.size > 0).toBe(what === 'cut in half')
    original.expectTrue(salvaged, () => true)
    expect(store.write(() => append(store))).toBe(store.lastSeq)
    store.close()
    expect(account(folder).problems).toEqual([])
    expect(setAside(folder)).toHaveLength(1)
    expect(readFileSync(setAside(folder)[0]!).equals(damaged)).toBe(true)
    expect(damagesOf(folder)).toHaveLength(1)
  })
})

describe('an edge whose database is damaged', () => {
  it('starts, reports the damage until it is acknowledged, and stores readings', async () => {
    const edge = await SiteEdge.create()
    await edge.start()
    await startDevice({ port: edge.port, name: 'before', qos: 1, count: 200, timed: true }).finished
    expect(await edge.stop()).toBe(0)
    scribble(join(edge.folder, DATABASE_FILE), { pages: [1], seed: 1 })
    await edge.start()
    await startDevice({ port: edge.port, name: 'after', qos: 1, count: 100, timed: true }).finished
    const { healthy, problems, store } = await edge.status()
    expect({ healthy, now: store.damage.now, devices: store.devices }).toEqual({
      healthy: false,
      now: undefined,
      devices: 2,
    })
    expect(problems).toEqual([expect.stringContaining('200 readings were salvaged; 0 are lost')])
    const check = ['check', '--data', edge.folder]
    expect(await runTidegate(check)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(problems[0]!.slice(0, 60)),
    })
    expect((await runTidegate([...check, '--acknowledge'])).code).toBe(0)
    expect((await edge.status()).healthy).toBe(true)
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
