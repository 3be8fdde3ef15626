import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { expect, it } from 'vitest'
import type { Delivery } from '../../../src/receiver/sink.ts'
import { DATABASE_FILE, SqliteSink, type SqliteSinkOptions } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { TransactionGate } from '../../../src/receiver/sqlite/transaction-gate.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { amendments, batch, EDGE, reading, readings, verdict } from '../batches.ts'

const AT = 1_700_000_000_000
const COUNT = 60_000
const NOTE = { edge: EDGE, state: 'offline', seenAt: AT, report: undefined, clockOffsetMs: undefined } as const

function openSink(options: SqliteSinkOptions = {}): { sink: SqliteSink; database: SQLite.Database } {
  const folder = tempFolder()
  const sink = SqliteSink.open(folder, options)
  const database = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
  onStop(() => void database.close())
  onStop(() => sink.close())
  return { sink, database }
}

function countIn(database: SQLite.Database): number {
  return Number(database.prepare('SELECT count(*) FROM reading').pluck().get())
}

/** Calls `inEachTurn` in every turn of the event loop until the work has ended; returns how often. */
async function turnsOf(work: Promise<unknown>, inEachTurn: () => void = () => {}): Promise<number> {
  let turns = 0
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  work.then(over, over)
  for (await turn(); !isOver; await turn()) {
    inEachTurn()
    turns++
  }
  return turns
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Messages that take long, each of another kind; what they need is stored before. */
async function longMessages(sink: SqliteSink): Promise<Record<string, Delivery>> {
  const known = readings(1, COUNT)
  await sink.store([batch(known)], AT)
  const moved = readings(COUNT + 1, COUNT + 8_000).map((one) => ({ ...one, metric: `m${one.seq}` }))
  return {
    'new readings': batch(readings(COUNT + 1, 2 * COUNT), { epoch: 'new' }),
    'repeated readings': batch(known),
    'new series': batch(moved),
    'many ranges': batch(
      Array.from({ length: 10_000 }, (_, i) => reading(1 + 2 * i)),
      { epoch: 'ranges' },
    ),
    amendments: amendments(...Array.from({ length: 10_000 }, (_, i) => verdict(1 + 6 * i, 4, 4))),
  }
}

it('no message, whatever it contains, keeps the event loop until it is stored', async () => {
  const { sink } = openSink()
  for (const [what, delivery] of Object.entries(await longMessages(sink))) {
    const turns = await turnsOf(sink.store([delivery], AT))
    expect(turns, what).toBeGreaterThan(0)
  }
})

it('a message that is stored in several turns becomes visible as a whole', async () => {
  const { sink, database } = openSink()
  const seen = new Set<number>()
  const turns = await turnsOf(sink.store([batch([reading(1)]), batch(readings(2, COUNT))], AT), () => {
    seen.add(countIn(database))
  })
  expect(turns).toBeGreaterThan(1)
  expect([...seen].filter((count) => count !== 0 && count !== COUNT)).toEqual([])
  expect(countIn(database)).toBe(COUNT)
})

it('what is written and read meanwhile is not a part of the transaction: a failure does not take it along', async () => {
  const { sink, database } = openSink({ pagesMax: 400 })
  await sink.store([batch([reading(1)])], AT)
  const storing = sink.store([batch(readings(2, COUNT))], AT)
  const failed = expect(storing).rejects.toThrow(/full/)
  await turn()
  const noted = sink.fleet.note([NOTE])
  const seen = sink.fleet.edges()
  const begun = sink.configs.rollouts.list()
  const other = sink.store([batch([reading(2)])], AT)
  await failed
  await noted
  expect(await seen).toMatchObject([{ edge: EDGE, state: 'offline', readings: 1 }])
  expect(await begun).toEqual([])
  expect(await other).toMatchObject([{ kind: 'stored', high: 2 }])
  expect(countIn(database)).toBe(2)
})

it('closing waits for the transaction that is open', async () => {
  const { sink, database } = openSink()
  const storing = sink.store([batch(readings(1, COUNT))], AT)
  await turn()
  await sink.close()
  await storing
  expect(countIn(database)).toBe(COUNT)
})

it('calls wait in their order, and too many of them fail at once', async () => {
  const gate = new TransactionGate()
  const done: number[] = []
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const first = gate.run(() => opened)
  const waiting = Array.from({ length: 1_000 }, (_, i) => gate.run(() => void done.push(i)))
  await expect(gate.run(() => 0)).rejects.toThrow(/1000 calls wait/)
  open()
  await Promise.all([first, ...waiting])
  expect(done).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
  expect(await gate.run(() => 'free')).toBe('free')
})
