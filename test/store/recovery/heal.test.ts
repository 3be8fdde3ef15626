import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { DamagedStore } from '../../../src/store/recovery/soundness.ts'
import { DamagedBlock } from '../../../src/store/sealed/blocks.ts'
import { tempFolder } from '../../../support/folder.ts'
import { startScript } from '../../../support/process.ts'
import { append, appendMany, openStore, positions, tamper } from '../stores.ts'
import { damagesOf, lastPageOf, rootsOf, scribble } from './damage.ts'
import { Original } from './original.ts'
import { account, copyStore, namedReadings, UPLINKS } from './plant.ts'

let original: Original

beforeAll(() => {
  original = new Original()
})

describe('the recovery of a damaged database', () => {
  it('finds all names in the indexes when the tables of devices and series are lost', () => {
    const pages = rootsOf(original.folder, 'devices', 'series')
    const { folder } = original.wreck((file) => scribble(file, { pages, seed: 1 }))
    const store = openStore(folder, { uplinks: UPLINKS })
    expect(namedReadings(store)).toEqual(original.readings)
    store.close()
  })

  it('assigns no position again when the end of the log is lost', () => {
    const pages = [lastPageOf(original.folder, 'log_a'), lastPageOf(original.folder, 'log_b')]
    const damaged = original.wreck((file) => scribble(file, { pages, seed: 1 }))
    expect(original.expectHealed(damaged)).toBeLessThan(original.readings.size)
  })

  it('has an account that balances, also for an uplink that is added after the damage', () => {
    const { folder } = original.wreck((file) => scribble(file, { pages: 20, seed: 3 }))
    openStore(folder, { uplinks: UPLINKS }).close()
    openStore(folder, { uplinks: [...UPLINKS, 'new'] }).close()
    const { damaged, problems } = account(folder)
    expect(damaged).toBeGreaterThan(0)
    expect(problems).toEqual([])
  })

  it('recounts what the newest commits had counted when these counters cannot be read', () => {
    const running = original.wreck().folder
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

  it('does not accept a block whose bytes were changed', () => {
    const { folder, file } = original.wreck()
    tamper(folder, 'UPDATE blocks SET bytes = zeroblob(length(bytes)) WHERE id % 97 = 1')
    scribble(file, { pages: [1], seed: 1 })
    expect(original.expectHealed({ folder, file, damaged: readFileSync(file) })).toBeLessThan(original.readings.size)
    expect(damagesOf(folder)[0]!.report.blocks.damaged).toBeGreaterThan(0)
  })

  it.each([
    { what: 'known', lost: 'rejects' },
    { what: 'lost', lost: 'seals' },
  ])('takes no reading twice from the leftovers of a merge when the seals are $what', ({ lost }) => {
    const { folder, file } = original.wreck()
    tamper(
      folder,
      `CREATE TEMP TABLE some AS SELECT * FROM blocks WHERE seq_first > 9000 AND id % 16777216 < 50;
       UPDATE some SET id = id % 16777216 + 1000 * 16777216 + 16777216 * (id / 16777216 % 2);
       INSERT OR IGNORE INTO blocks SELECT * FROM some`,
    )
    scribble(file, { pages: rootsOf(folder, lost), seed: 1 })
    expect(original.expectHealed({ folder, file, damaged: readFileSync(file) })).toBe(original.readings.size)
  })

  it('does not bring back removed readings', () => {
    const { folder, file } = original.wreck()
    tamper(folder, 'DELETE FROM rejects')
    scribble(file, { pages: rootsOf(folder, 'rejects'), seed: 1 })
    original.expectHealed({ folder, file, damaged: readFileSync(file) })
    expect(damagesOf(folder)[0]!.report.tables.rejects).toEqual({ rows: 0, gaps: 1 })
  })

  it('keeps what was only in the WAL when the edge was killed', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 10_000)
    store.close()
    const holder = startScript('test/store/holder.ts', [folder])
    await holder.waitFor(/committed 10[1-9]\d\d/)
    holder.kill('SIGKILL')
    await holder.exit
    const committed = Number(holder.stdout.trim().split(' ').at(-1))
    const file = join(folder, DATABASE_FILE)
    const wal = readFileSync(`${file}-wal`)
    scribble(file, { pages: 30, seed: 1 })
    const healed = openStore(folder)
    const kept = positions(healed)
    expect(healed.lastSeq).toBeGreaterThanOrEqual(committed)
    expect(kept.filter((seq) => seq > 10_000)).toHaveLength(healed.lastSeq - 10_000)
    healed.close()
    const { report } = damagesOf(folder)[0]!
    expect(report).toMatchObject({ kept: kept.length, lost: healed.lastSeq - kept.length })
    expect(report.lost).toBeGreaterThan(0)
    expect(readFileSync(`${report.file}-wal`).equals(wal)).toBe(true)
  })
})

describe('a database found to be damaged while it is in use', () => {
  it('is not written to any more, and is recovered at the next start', () => {
    const { folder, file } = original.wreck()
    const store = openStore(folder, { uplinks: UPLINKS })
    const device = store.intake.catalog.device('press-1')
    scribble(file, { pages: rootsOf(original.folder, 'rejects'), seed: 1 })
    const reject = { receivedAt: 1, device, topic: '', client: '', reason: '', payload: new Uint8Array(1) }
    expect(() => store.write(() => store.intake.rejects.add(reject))).toThrow('malformed')
    expect(() => store.write(() => append(store))).toThrow(DamagedStore)
    expect(store.upkeep.soundness.damage).toContain('malformed')
    store.close()
    original.expectHealed({ folder, file, damaged: readFileSync(file) })
  })

  it('gives up a block that cannot be opened, counts its readings as damaged, and keeps working', () => {
    const { folder } = original.wreck()
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
    expect(store.upkeep.soundness.unacknowledged.map(({ report }) => report.lost)).toEqual([
      original.readings.size - size,
    ])
    store.close()
    expect(account(folder)).toMatchObject({ damaged: original.readings.size - size, problems: [] })
  })
})
