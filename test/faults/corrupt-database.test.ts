import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Seq } from '../../src/base/reading.ts'
import { DATABASE_FILE } from '../../src/store/database.ts'
import { DamagedStore } from '../../src/store/rescue/soundness.ts'
import { DamagedBlock } from '../../src/store/sealed/blocks.ts'
import { damagesOf, lastPageOf, rootsOf, scribble, setAside } from '../store/rescue/damage.ts'
import { account, copyStore, fillStore, type Named, namedReadings, UPLINKS } from '../store/rescue/plant.ts'
import { contents, keepHouse } from '../store/sealed.ts'
import { append, appendMany, openStore, positions, tamper } from '../store/stores.ts'
import { tempFolder } from '../support/folder.ts'
import { runTidegate, startScript } from '../support/process.ts'
import { SiteEdge } from '../support/site.ts'
import { startDevice } from './device.ts'

let origin: string
let original: Map<Seq, Named>
let epoch: string

beforeAll(() => {
  origin = tempFolder()
  fillStore(origin)
  const store = openStore(origin, { uplinks: UPLINKS })
  original = namedReadings(store)
  epoch = store.epoch
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
  expect(store.epoch).not.toBe(epoch)
  const salvaged = namedReadings(store)
  const [{ report }] = damagesOf(folder) as [ReturnType<typeof damagesOf>[number]]
  expect(report.nothingBecause).toBeUndefined()
  compare(salvaged, (table) => report.tables[table]!.gaps > 0)
  expect(report.kept).toBe(salvaged.size)
  // Where both its counters and the end of the log are lost, nothing tells of the last readings any more.
  const told =
    report.tables.devices!.gaps + report.tables.tallies!.gaps > 0 &&
    report.tables.log_a!.gaps + report.tables.log_b!.gaps > 0
      ? store.lastSeq
      : original.size
  expect(report.kept + report.lost).toBe(told)
  expect(setAside(folder)).toEqual([report.file])
  expect(readFileSync(report.file!).equals(damaged)).toBe(true)

  const [first] = store.write(() => [append(store, { device: 'new' }), append(store, { device: 'new' })])
  expect(first, 'no position is given again').toBe(told + 1)
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
  it.each([1, 2, 3, 4])('keeps what is readable of it, with 200 pages of random bytes (seed %i)', (seed) => {
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: 200, seed })))
    expect(salvaged).toBeGreaterThan(original.size / 5)
  })

  it.each([101, 102])('keeps nearly all of it, with 3 pages of random bytes (seed %i)', (seed) => {
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages: 3, seed })))
    expect(salvaged).toBeGreaterThan(original.size * 0.9)
  })

  it.each([
    { what: 'the first page', tables: [] },
    { what: 'the roots of log and blocks', tables: ['log_a', 'log_b', 'blocks'] },
    { what: 'the table of seals and the meta data', tables: ['seals', 'meta'] },
    { what: 'all that was confirmed', tables: ['confirmed', 'confirmed_counts', 'uplinks'] },
    {
      what: 'the names of devices and the table of series',
      tables: ['devices', 'series', 'sqlite_autoindex_devices_1'],
    },
    { what: 'the names of series and all counters', tables: ['devices', 'series', 'sqlite_autoindex_series_1'] },
  ])('keeps every reading when $what cannot be read', ({ tables }) => {
    const pages = tables.length === 0 ? [1] : rootsOf(origin, ...tables)
    const salvaged = expectHealed(damagedStore((file) => scribble(file, { pages, seed: 1 })))
    expect(salvaged).toBe(original.size)
  })

  it('knows all names when the tables of devices and of series are lost, from the indexes over them', () => {
    const pages = rootsOf(origin, 'devices', 'series')
    const { folder } = damagedStore((file) => scribble(file, { pages, seed: 1 }))
    const store = openStore(folder, { uplinks: UPLINKS })
    expect(namedReadings(store)).toEqual(original)
    store.close()
  })

  it('gives no position again when the end of the log is lost', () => {
    const pages = [lastPageOf(origin, 'log_a'), lastPageOf(origin, 'log_b')]
    const damaged = damagedStore((file) => scribble(file, { pages, seed: 1 }))
    expect(expectHealed(damaged)).toBeLessThan(original.size)
  })

  it('has an account that balances also for an uplink that comes after the damage', () => {
    const { folder } = damagedStore((file) => scribble(file, { pages: 20, seed: 3 }))
    openStore(folder, { uplinks: UPLINKS }).close()
    openStore(folder, { uplinks: [...UPLINKS, 'new'] }).close()
    const { damaged, problems } = account(folder)
    expect(damaged).toBeGreaterThan(0)
    expect(problems).toEqual([])
  })

  it('counts anew what the newest commits had counted, where that cannot be read', () => {
    const running = damagedStore(() => undefined).folder
    const store = openStore(running, { uplinks: UPLINKS })
    for (let commit = 0; commit < 5; commit++) appendMany(store, 100, { device: 'press-1' })
    tamper(running, 'PRAGMA wal_checkpoint(TRUNCATE)')
    const folder = tempFolder()
    scribble(copyStore(running, folder), { pages: rootsOf(running, 'tallies'), seed: 1 })
    const { lastSeq } = store
    store.close()
    openStore(folder, { uplinks: UPLINKS }).close()
    expect(account(folder)).toEqual({ stored: lastSeq, damaged: 0, expired: 0, problems: [] })
    expect(damagesOf(folder)[0]!.report).toMatchObject({ kept: lastSeq, lost: 0 })
  })

  it('does not take a block whose bytes were changed', () => {
    const { folder, file } = damagedStore(() => undefined)
    tamper(folder, 'UPDATE blocks SET bytes = zeroblob(length(bytes)) WHERE id % 97 = 1')
    scribble(file, { pages: [1], seed: 1 })
    expect(expectHealed({ folder, file, damaged: readFileSync(file) })).toBeLessThan(original.size)
    expect(damagesOf(folder)[0]!.report.blocks.damaged).toBeGreaterThan(0)
  })

  it.each([
    { what: 'known', lost: 'rejects' },
    { what: 'lost', lost: 'seals' },
  ])('takes no reading twice from the left-overs of a merging, where the seals are $what', ({ lost }) => {
    const { folder, file } = damagedStore(() => undefined)
    tamper(
      folder,
      `CREATE TEMP TABLE some AS SELECT * FROM blocks WHERE seq_first > 9000 AND id % 16777216 < 50;
       UPDATE some SET id = id % 16777216 + 1000 * 16777216 + 16777216 * (id / 16777216 % 2);
       INSERT OR IGNORE INTO blocks SELECT * FROM some`,
    )
    scribble(file, { pages: rootsOf(folder, lost), seed: 1 })
    expect(expectHealed({ folder, file, damaged: readFileSync(file) })).toBe(original.size)
  })

  it('brings nothing back that was removed', () => {
    const { folder, file } = damagedStore(() => undefined)
    tamper(folder, 'DELETE FROM rejects')
    scribble(file, { pages: rootsOf(folder, 'rejects'), seed: 1 })
    expectHealed({ folder, file, damaged: readFileSync(file) })
    expect(damagesOf(folder)[0]!.report.tables.rejects).toEqual({ rows: 0, gaps: 1 })
  })

  it('keeps what was only in its WAL when it was killed', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 10_000)
    store.close()
    const holder = startScript('test/store/holder.ts', [folder])
    await holder.waitFor(/committed 10[1-9]\d\d/)
    holder.kill('SIGKILL')
    await holder.exit
    const told = Number(holder.stdout.trim().split(' ').at(-1))
    const file = join(folder, DATABASE_FILE)
    const wal = readFileSync(`${file}-wal`)
    scribble(file, { pages: 30, seed: 1 })
    const healed = openStore(folder)
    const kept = positions(healed)
    expect(healed.lastSeq).toBeGreaterThanOrEqual(told)
    expect(kept.filter((seq) => seq > 10_000)).toHaveLength(healed.lastSeq - 10_000)
    healed.close()
    const { report } = damagesOf(folder)[0]!
    expect(report).toMatchObject({ kept: kept.length, lost: healed.lastSeq - kept.length })
    expect(report.lost).toBeGreaterThan(0)
    expect(readFileSync(`${report.file}-wal`).equals(wal)).toBe(true)
  })
})

describe('a file that is hardly a database any more', () => {
  it.each([
    ['cut in half', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2) - 100)],
    ['with half a header', (file: string) => truncateSync(file, 60)],
    ['of zeros', (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
    ['of text', (file: string) => writeFileSync(file, 'these are no pages of SQLite '.repeat(1_000))],
    ['of random bytes', (file: string) => scribble(file, { pages: 100_000, seed: 1 })],
  ])('%s lets the edge start, with what is left', (what, damage) => {
    const { folder, damaged } = damagedStore(damage)
    const store = openStore(folder, { uplinks: UPLINKS })
    const salvaged = namedReadings(store)
    expect(salvaged.size > 0).toBe(what === 'cut in half')
    compare(salvaged, () => true)
    expect(store.write(() => append(store))).toBe(store.lastSeq)
    store.close()
    expect(account(folder).problems).toEqual([])
    expect(setAside(folder)).toHaveLength(1)
    expect(readFileSync(setAside(folder)[0]!).equals(damaged)).toBe(true)
    expect(damagesOf(folder)).toHaveLength(1)
  })
})

describe('a database that turns out to be damaged while it is in use', () => {
  it('is written to no more, and salvaged at the next opening', () => {
    const { folder, file } = damagedStore(() => undefined)
    const store = openStore(folder, { uplinks: UPLINKS })
    const device = store.catalog.device('press-1')
    scribble(file, { pages: rootsOf(origin, 'rejects'), seed: 1 })
    const reject = { receivedAt: 1, device, topic: '', client: '', reason: '', payload: new Uint8Array(1) }
    expect(() => store.write(() => store.rejects.add(reject))).toThrow('malformed')
    expect(() => store.write(() => append(store))).toThrow(DamagedStore)
    expect(store.soundness.damage).toContain('malformed')
    store.close()
    expectHealed({ folder, file, damaged: readFileSync(file) })
  })

  it('gives up a block that cannot be opened, books what was in it, and goes on', () => {
    const { folder } = damagedStore(() => undefined)
    tamper(folder, 'UPDATE blocks SET bytes = zeroblob(length(bytes)) WHERE id = (SELECT min(id) FROM blocks)')
    const store = openStore(folder, { uplinks: UPLINKS })
    let found: unknown
    try {
      namedReadings(store)
    } catch (failure) {
      found = failure
    }
    expect(found).toBeInstanceOf(DamagedBlock)
    store.giveUp(found as DamagedBlock)
    const { size } = namedReadings(store)
    expect(store.soundness.unacknowledged.map(({ report }) => report.lost)).toEqual([original.size - size])
    store.close()
    expect(account(folder)).toMatchObject({ damaged: original.size - size, problems: [] })
  })
})

describe('an edge whose database is damaged', () => {
  it('starts, says so until somebody has seen it, and takes readings', async () => {
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
