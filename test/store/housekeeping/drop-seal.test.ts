import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { judgeSpace, StoreFull } from '../../../src/store/housekeeping/space.ts'
import { keptRows, thinnable } from '../../../src/store/housekeeping/thinning.ts'
import { openReader } from '../../../src/store/reader.ts'
import type { Seal } from '../../../src/store/sealed/seals.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, imbalances, openStore, takeNext } from '../stores.ts'

const MAX_BYTES = 1_048_576
const START = Date.now() - 3_600_000
const COMMIT_ROWS = 500
/** Far more than fit. */
const COMMITS = 500

/** Commits as ingest does; returns false when the commit was refused. The values do not compress well. */
function commit(store: Store, first: number): boolean {
  try {
    store.upkeep.space.refuseIfFull(1)
    store.write(() => {
      for (let i = 0; i < COMMIT_ROWS; i++) {
        const n = first + i
        append(store, { device: `press-${n % 5}`, metric: 'heat', ts: START + n, value: Math.sin(n) * 1e5 })
      }
      store.intake.log.flush()
      store.upkeep.space.refuseIfSpent()
    })
    return true
  } catch (failure) {
    if (failure instanceof StoreFull) return false
    throw failure
  }
}

/**
 * Commits while the cloud is away, with housekeeping between commits as on the store thread. @returns the number of
 * accepted commits.
 */
function fill(store: Store, commits = COMMITS): number {
  let taken = 0
  for (let k = 0; k < commits; k++) {
    if (commit(store, taken * COMMIT_ROWS)) taken++
    else if (taken < k - 20) return taken
    for (let slices = 0; slices < 50 && store.runHousekeeping({ now: Date.now(), busy: true }); slices++);
    store.checkpointIfDue()
  }
  return taken
}

/** The cloud is back: every reading is offered, taken and confirmed. @returns the positions that were sent. */
function drain(store: Store): number[] {
  const outbox = store.outbox('cloud')
  const sent: number[] = []
  for (;;) {
    const next = takeNext(store, outbox, 'live', 5_000)
    if (next === undefined) return sent
    store.write(() => outbox.confirm([next.range], store.lastSeq))
    sent.push(...next.seqs)
  }
}

function totals(
  folder: string,
): Record<'stored' | 'expired' | 'dropped' | 'thinned' | 'confirmed' | 'waiting', number> {
  const reader = openReader(folder)
  const all = { stored: 0, expired: 0, dropped: 0, thinned: 0, confirmed: 0, waiting: 0 }
  for (const row of reader.ledger()) {
    for (const key of ['stored', 'expired', 'dropped', 'thinned'] as const) all[key] += row[key]
    all.confirmed += row.perUplink.cloud!.confirmed
    all.waiting += row.perUplink.cloud!.waiting
  }
  reader.close()
  return all
}

describe('a store of bounded size under an endless load while the cloud is away', () => {
  it('refuses new readings, loses nothing that it accepted, and accepts more after the cloud was back', () => {
    const folder = tempFolder()
    const store = openStore(folder, { maxBytes: MAX_BYTES })
    const taken = fill(store)
    expect(taken).toBeLessThan(COMMITS)
    expect(taken * COMMIT_ROWS).toBeGreaterThan(MAX_BYTES / 14)
    expect(totals(folder)).toEqual({
      stored: taken * COMMIT_ROWS,
      expired: 0,
      dropped: 0,
      thinned: 0,
      confirmed: 0,
      waiting: taken * COMMIT_ROWS,
    })
    expect(contents(store).length).toBe(taken * COMMIT_ROWS)
    expect(drain(store)).toEqual(Array.from({ length: taken * COMMIT_ROWS }, (_, i) => i + 1))
    expect(store.backlog(store.outbox('cloud')).waiting).toBe(0)
    expect(fill(store, 60)).toBeGreaterThan(50)
    runHousekeeping(store)
    store.close()
    expect(imbalances(folder)).toEqual([])
    expect(totals(folder).expired).toBeGreaterThan(0)
    expect(statSync(join(folder, DATABASE_FILE)).size).toBeLessThanOrEqual(MAX_BYTES)
  })

  it('does not retry a refused commit until space was freed or none can be freed', () => {
    const store = openStore(tempFolder(), { maxBytes: MAX_BYTES, whenFull: 'drop-oldest' })
    let tried = 0
    const large = (): boolean => {
      try {
        store.upkeep.space.refuseIfFull(COMMIT_ROWS)
        tried++
        store.write(() => {
          for (let n = 0; n < COMMIT_ROWS * 80; n++) {
            append(store, { device: 'press', metric: 'heat', ts: START + n, value: Math.sin(n) * 1e5 })
          }
          store.intake.log.flush()
          store.upkeep.space.refuseIfSpent()
        })
        return true
      } catch (failure) {
        if (store.upkeep.space.explain(failure) instanceof StoreFull) return false
        throw failure
      }
    }
    for (let k = 0; k < 40 && commit(store, k * COMMIT_ROWS); k++);
    expect([large(), large(), large(), tried]).toEqual([false, false, false, 1])
    // A small commit is still accepted.
    expect(commit(store, 0)).toBe(true)
    expect(large()).toBe(false)
    expect(tried).toBe(2)
    // No seal is left to drop: the commit is tried again and fails, so it is not refused forever without a try.
    for (const tries of [3, 4, 5]) {
      while (store.runHousekeeping({ now: Date.now(), busy: true }));
      expect([large(), large(), tried]).toEqual([false, false, tries])
    }
    store.close()
  })

  it('drops the oldest readings, exactly as many as the ledger says, and accepts everything new', () => {
    const folder = tempFolder()
    const store = openStore(folder, { maxBytes: MAX_BYTES, whenFull: 'drop-oldest' })
    const taken = fill(store)
    expect(taken).toBe(COMMITS)
    const kept = contents(store)
    const { dropped, waiting, stored } = totals(folder)
    expect(stored).toBe(taken * COMMIT_ROWS)
    expect(kept.length).toBe(stored - dropped)
    expect(waiting).toBe(kept.length)
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_, i) => dropped + 1 + i))
    expect(drain(store).length).toBe(kept.length)
    store.close()
    expect(totals(folder)).toMatchObject({ confirmed: kept.length, waiting: 0, dropped })
    expect(imbalances(folder)).toEqual([])
    expect(statSync(join(folder, DATABASE_FILE)).size).toBeLessThanOrEqual(MAX_BYTES)
  })

  it('thins: the extremes of each period stay, and the ledger counts the removed readings', () => {
    const folder = tempFolder()
    const retention = [{ match: '*/heat', thinS: 1, archive: false }]
    const store = openStore(folder, { maxBytes: MAX_BYTES, whenFull: 'thin', retention })
    const taken = fill(store)
    const kept = contents(store)
    const { thinned, dropped, stored } = totals(folder)
    expect([stored, dropped]).toEqual([taken * COMMIT_ROWS, 0])
    expect(taken * COMMIT_ROWS).toBeGreaterThan((MAX_BYTES / 9) * 2)
    expect(thinned).toBeGreaterThan(taken * COMMIT_ROWS * 0.4)
    expect(kept.length).toBe(stored - thinned)
    // The least and the greatest value of every second of every series are kept.
    const left = new Set(kept.map(({ seq }) => seq))
    const lastThinned = store.sealed.seals.all.findLast((seal) => seal.thinned === 1)!.last
    const bySecond = Map.groupBy(
      Array.from({ length: lastThinned }, (_, i) => i),
      (n) => `${n % 5} ${Math.floor((START + n) / 1_000)}`,
    )
    const bounds = store.sealed.seals.all.map(({ first }) => first - 1)
    for (const ns of bySecond.values()) {
      // Seals are thinned one by one: a second that spans two seals has two sets of extremes.
      if (bounds.some((bound) => ns[0]! < bound && bound <= ns.at(-1)!)) continue
      const greatest = ns.reduce((best, n) => (Math.sin(n) > Math.sin(best) ? n : best))
      expect(left.has(greatest + 1)).toBe(true)
    }
    expect(drain(store)).toEqual(kept.map(({ seq }) => seq))
    // The gaps between them are confirmed with them and do not become separate ranges.
    expect(store.outbox('cloud').settled.size).toBe(1)
    store.close()
    expect(totals(folder)).toMatchObject({ confirmed: kept.length, waiting: 0, thinned })
    expect(imbalances(folder)).toEqual([])
  }, 60_000)

  it('neither drops nor thins readings that are in flight', () => {
    for (const whenFull of ['drop-oldest', 'thin'] as const) {
      const folder = tempFolder()
      const retention = [{ match: '*/heat', thinS: 1, archive: false }]
      const store = openStore(folder, { maxBytes: MAX_BYTES, whenFull, retention })
      fill(store, 230)
      const outbox = store.outbox('cloud')
      const { range, seqs } = takeNext(store, outbox, 'live', 1_000)!
      fill(store, 200)
      store.write(() => outbox.confirm([range], store.lastSeq))
      expect(store.outbox('cloud').confirmedCount).toBe(seqs.length)
      drain(store)
      store.close()
      expect(imbalances(folder)).toEqual([])
    }
  }, 60_000)
})

describe('the log of a full store', () => {
  it('is sealed and cleared although every commit fails meanwhile', () => {
    const store = openStore(tempFolder(), { maxBytes: MAX_BYTES })
    // The log alone fills the store: housekeeping did not run.
    let taken = 0
    while (commit(store, taken * COMMIT_ROWS)) taken++
    for (let k = 0; k < 200; k++) {
      store.runHousekeeping({ now: Date.now(), busy: true })
      const failing = (): void =>
        store.write(() => {
          append(store)
          throw new StoreFull('no')
        })
      expect(failing).toThrow('no')
    }
    expect(store.sealed.seals.sealedUpTo).toBeGreaterThan((taken * COMMIT_ROWS) / 2)
    expect(store.upkeep.space.measure().level).toBe('ample')
    expect(contents(store).length).toBe(taken * COMMIT_ROWS)
    store.close()
  })
})

describe('the seals to thin', () => {
  it('are the oldest adjacent seals that are not thinned yet and have no reading in flight', () => {
    const seals = Array.from({ length: 6 }, (_, i) => ({
      id: i + 1,
      parts: 1,
      first: i * 10 + 1,
      last: i * 10 + 10,
      readings: 10,
      blocks: 1,
      level: 0,
      thinned: i === 0 ? 1 : 0,
      tsMin: 0,
      tsMax: 0,
      receivedFirst: 0,
      receivedLast: 0,
    })) as Seal[]
    const without = (...away: number[]): number[] =>
      thinnable(seals, ({ id }) => away.includes(id), []).map(({ id }) => id)
    expect(without()).toEqual([2, 3, 4, 5, 6])
    expect(without(2)).toEqual([3, 4, 5, 6])
    expect(without(4)).toEqual([2, 3])
    expect(without(2, 3, 4, 5, 6)).toEqual([])
    const until = (end: number): number[] => thinnable(seals, () => false, [end]).map(({ id }) => id)
    expect([until(30), until(10)]).toEqual([
      [2, 3],
      [2, 3, 4, 5, 6],
    ])
  })
})

describe('the readings that thinning keeps of a period', () => {
  it('are the first, last, least and greatest number, and every value that is not a number', () => {
    const values = [5, 3, 9, 4, 4, 'on', 7, 8, null, 6]
    const ts = Float64Array.from(values, (_, i) => 1_000 + i * 10)
    expect([...keptRows({ ts, values }, 1_000)].sort((a, b) => a - b)).toEqual([0, 1, 2, 5, 8, 9])
    expect(keptRows({ ts: ts.subarray(0, 4), values: values.slice(0, 4) }, 1_000).size).toBe(4)
    expect([...keptRows({ ts, values }, 50)].length).toBe(9)
  })
})

describe('the space of a store', () => {
  const facts = {
    usedBytes: 0,
    freeBytes: 0,
    maxBytes: 800,
    diskFreeBytes: 1e9,
    diskSizeBytes: 1e10,
    freeBytesMin: 1_000,
  }
  it('is short once the reserve is touched, and full once half of it is used', () => {
    const level = (usedBytes: number): string => judgeSpace({ ...facts, usedBytes }).level
    expect([699, 700, 749, 750].map(level)).toEqual(['ample', 'short', 'short', 'full'])
    expect(judgeSpace({ ...facts, usedBytes: 600 }).roomBytes).toBe(150)
  })

  it('is limited by the disk too, and counts free pages of the file as space', () => {
    const level = (diskFreeBytes: number, freeBytes = 0): string =>
      judgeSpace({ ...facts, maxBytes: undefined, diskFreeBytes, freeBytes }).level
    expect([2_001, 2_000, 1_001, 1_000].map((free) => level(free))).toEqual(['ample', 'short', 'short', 'full'])
    expect(level(1_000, 5_000)).toBe('ample')
  })

  it('is, without a setting, that of the disk less a twentieth of its size, at most a gibibyte', () => {
    const room = (diskSizeBytes: number): number =>
      judgeSpace({ ...facts, maxBytes: undefined, diskFreeBytes: 2e10, diskSizeBytes, freeBytesMin: undefined })
        .roomBytes
    expect([room(1e10), room(1e12)]).toEqual([2e10 - 5e8, 2e10 - 1_073_741_824])
  })
})
