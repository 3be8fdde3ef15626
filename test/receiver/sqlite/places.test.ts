import SQLite, { type Database } from 'better-sqlite3'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LoopShare } from '../../../src/base/loop/loop-share.ts'
import type { StoredReading } from '../../../src/base/reading.ts'
import { encodeItem } from '../../../src/codec/item.ts'
import { preparerOf } from '../../../src/receiver/sqlite/database.ts'
import { SqlitePlaces } from '../../../src/receiver/sqlite/places.ts'
import { MIGRATIONS } from '../../../src/receiver/sqlite/schema.ts'
import { onStop } from '../../../support/started.ts'
import { batchOf, readings } from '../batches.ts'

const LOG = 7
const HOUR = 3_600_000

function emptyDatabase(): Database {
  const database = new SQLite(':memory:')
  onStop(() => void database.close())
  for (const migration of MIGRATIONS) database.exec(migration)
  database.pragma('foreign_keys = OFF')
  return database
}

/** Adds a batch to the table of readings, without its values; series are numbered from 1. */
function fill(database: Database, all: readonly StoredReading[]): ReturnType<typeof placedBlocks> {
  const blocks = placedBlocks(all)
  const insert = database.prepare(
    'INSERT INTO reading (series, ts, log, seq, quality, reasons, received_at) VALUES (?, ?, ?, ?, 1, 0, 0)',
  )
  for (const { series, block } of blocks) {
    for (const [i, seq] of block.seq.entries()) insert.run(series, block.ts[i], LOG, seq)
  }
  return blocks
}

function placedBlocks(
  all: readonly StoredReading[],
): { series: number; block: ReturnType<typeof batchOf>['series'][number] }[] {
  return batchOf(all).series.map((block, i) => ({ series: i + 1, block }))
}

function sums(steps: readonly number[]): number[] {
  return steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step, 0))
}

function distances(numbers: readonly number[]): number[] {
  return numbers.map((number, i) => number - (numbers[i - 1] ?? 0))
}

/** Clocks of devices: mostly advancing, now and then hours or years off. */
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -5_000, max: 300_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -3 * HOUR, max: 3 * HOUR }) },
    { weight: 1, arbitrary: fc.constantFrom(-1_700_000_000_000, 2 ** 50, -HOUR, HOUR, 0) },
  ),
  { minLength: 1, maxLength: 60 },
)

it('a reading is found by its position, whatever the clock of its device did', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 60 }), async (all, split) => {
      const database = emptyDatabase()
      const places = new SqlitePlaces(preparerOf(database), new LoopShare())
      const clock = sums([1_700_000_000_000, ...all])
      const rows = readings(1, all.length).map((one, i) => ({ ...one, ts: clock[i + 1]! }))
      // Two stretches with only their own readings, without one for every fifth position.
      const kept = rows.filter(({ seq }) => seq % 5 !== 0)
      const stretches = [kept.filter(({ seq }) => seq <= split), kept.filter(({ seq }) => seq > split)]
      const ranges = [
        { first: 1, last: split },
        { first: split + 1, last: Math.max(split + 1, rows.length) },
      ]
      for (const [i, stretch] of stretches.entries()) {
        if (stretch.length > 0) await places.add(LOG, [ranges[i]!], fill(database, stretch))
      }
      const names = (some: readonly StoredReading[]) => placedBlocks(some).map(({ block }) => block.device)
      for (const { seq, ts: at, device } of kept) {
        const series = names(stretches[seq <= split ? 0 : 1]!).indexOf(device) + 1
        expect(await places.find(LOG, seq)).toStrictEqual({ series, ts: at })
      }
      for (const seq of [0, 5, rows.length + split + 1]) expect(await places.find(LOG, seq)).toBeUndefined()
      expect(await places.find(LOG + 1, 1)).toBeUndefined()
    }),
    { numRuns: 60 },
  )
})

it('a deleted reading is not found', async () => {
  const database = emptyDatabase()
  const places = new SqlitePlaces(preparerOf(database), new LoopShare())
  await places.add(LOG, [{ first: 1, last: 9 }], fill(database, readings(1, 9)))
  database.exec('DELETE FROM reading WHERE seq = 4')
  expect(await places.find(LOG, 4)).toBeUndefined()
  expect(await places.find(LOG, 5)).toMatchObject({ ts: readings(5, 5)[0]!.ts })
})

it('a stretch takes little space: some bytes per series in it, not per reading', async () => {
  const database = emptyDatabase()
  const jittering = readings(1, 9_000).map((one) => ({ ...one, ts: one.ts + ((one.seq * 7_919) % 101) * 10 }))
  await new SqlitePlaces(preparerOf(database), new LoopShare()).add(
    LOG,
    [{ first: 1, last: 9_000 }],
    placedBlocks(jittering),
  )
  expect(database.prepare('SELECT sum(length(bytes)) FROM places').pluck().get()).toBeLessThan(100)
})

it('the lists of readings of an older database can still be read', async () => {
  const database = emptyDatabase()
  const all = readings(1, 9).map((one) => ({ ...one, ts: one.ts + (one.seq % 4) * HOUR }))
  const blocks = fill(database, all)
  const seqs = distances(blocks.flatMap(({ block }) => [...block.seq]))
  const times = distances(blocks.flatMap(({ block }) => [...block.ts]))
  const columns = [blocks.map(({ series }) => series), blocks.map(({ block }) => block.seq.length), seqs, times]
  const bytes = encodeItem(columns.map((column) => Float64Array.from(column)))
  database.prepare('INSERT INTO places (log, first, last, bytes) VALUES (?, 1, 9, ?)').run(LOG, bytes)
  const places = new SqlitePlaces(preparerOf(database), new LoopShare())
  for (const { seq, ts } of all) expect(await places.find(LOG, seq)).toMatchObject({ ts })
})
