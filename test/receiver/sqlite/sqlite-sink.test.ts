import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../../src/base/errors.ts'
import type { Value } from '../../../src/base/reading.ts'
import type { Delivery } from '../../../src/receiver/sink.ts'
import { DATABASE_FILE, SqliteSink, type SqliteSinkOptions } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { amendments, batch, reading, readings, verdict } from '../batches.ts'
import { describeSink, type SeenReading, type SinkUnderTest } from '../contracts/sink.ts'

const AT = 1_700_000_000_000

function openSink(folder = tempFolder(), options: SqliteSinkOptions = {}): { folder: string; sink: SqliteSink } {
  const sink = SqliteSink.open(folder, options)
  onStop(() => sink.close())
  return { folder, sink }
}

/** The content of the file as another process reads it. */
function query<Row>(folder: string, sql: string): Row[] {
  const database = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
  try {
    return database.prepare<[], Row>(sql).all()
  } finally {
    database.close()
  }
}

function seenIn(folder: string): SeenReading[] {
  type Row = Omit<SeenReading, 'unit' | 'value'> & { unit: string | null; value: Value; type: string }
  const columns = 'edge, epoch, seq, device, metric, unit, ts, value, quality, reasons, typeof(value) AS type'
  const rows = query<Row>(folder, `SELECT ${columns} FROM readings ORDER BY edge, epoch, seq`)
  return rows.map(({ type, unit, value, ...row }) => {
    return { ...row, unit: unit ?? undefined, value: type === 'integer' ? value === 1 : value }
  })
}

function underTest(folder: string): SinkUnderTest {
  const { sink } = openSink(folder)
  return {
    sink,
    seen: () => seenIn(folder),
    reopen: async () => {
      await sink.close()
      return underTest(folder)
    },
  }
}

describeSink('the SQLite sink', () => underTest(tempFolder()))

describe('the SQLite sink', () => {
  it('stores nothing of a commit that does not fit on the disk, and continues when there is space again', async () => {
    const { folder, sink } = openSink(undefined, { pagesMax: 300 })
    await sink.store([batch(readings(1, 10)), amendments(verdict(20, 4, 4))], AT)
    const other = new SQLite(join(folder, DATABASE_FILE))
    other.exec('CREATE TABLE ballast (bytes BLOB); INSERT INTO ballast VALUES (zeroblob(800000))')
    const large = readings(11, 15_000).map((one) => ({ ...one, metric: `metric-${one.seq % 50}` }))
    const deliveries = [batch([reading(11)]), amendments(verdict(30, 4, 4)), batch(large.slice(1))]
    await expect(sink.store(deliveries, AT)).rejects.toThrow(/full/)
    expect(seenIn(folder)).toHaveLength(10)
    other.exec('DROP TABLE ballast')
    other.close()
    const some = batch(large.slice(0, 2_000))
    const [result] = await sink.store([some], AT)
    expect(result).toMatchObject({ kind: 'stored', repeats: 0, high: 2_010 })
    const [again] = await sink.store([some], AT)
    expect(again).toMatchObject({ kind: 'stored', repeats: 2_000 })
    const names = large.slice(0, 2_000).map(({ seq, device, metric }) => ({ seq, device, metric }))
    expect(seenIn(folder).slice(10)).toMatchObject(names)
    const judged = query(folder, 'SELECT seq, quality FROM readings WHERE quality <> 1')
    expect(judged).toEqual([{ seq: 20, quality: 4 }])
    await sink.close()
  })

  it('is not blocked by readers, and does not wait for another writer', async () => {
    const { folder, sink } = openSink()
    const other = new SQLite(join(folder, DATABASE_FILE))
    other.exec('BEGIN')
    other.prepare('SELECT count(*) FROM readings').get()
    await sink.store([batch([reading(1)])], AT)
    other.exec('COMMIT; BEGIN IMMEDIATE')
    await expect(sink.store([batch([reading(2)])], AT)).rejects.toThrow(/locked/)
    other.exec('ROLLBACK')
    other.close()
    expect(await sink.store([batch(readings(1, 2))], AT)).toMatchObject([{ kind: 'stored', repeats: 1 }])
  })

  it('refuses amendments when too many wait for their readings, and accepts them when those have arrived', async () => {
    const { sink } = openSink(undefined, { pendingMax: 4 })
    const late = amendments(verdict(3, 3, 1))
    expect(await sink.store([amendments(verdict(1, 3, 1), verdict(2, 3, 1)), late], AT)).toMatchObject([
      { kind: 'amended' },
      { kind: 'refused' },
    ])
    expect(await sink.store([amendments(verdict(2, 4, 2)), batch([reading(1)]), late], AT)).toMatchObject([
      { kind: 'amended' },
      { kind: 'stored' },
      { kind: 'amended' },
    ])
  })

  it('leaves room for the verdicts and the rejects of other edges, whatever one edge sends', async () => {
    const { folder, sink } = openSink(undefined, { pendingMax: 8, rejectsMax: 5 })
    const early = (edge: string, ...seqs: number[]): Delivery => {
      const items = seqs.map((seq) => verdict(seq, 4, 4))
      return { kind: 'amendments', amendments: { edge, epoch: 'e', run: 'r', first: 1, last: items.length, items } }
    }
    const kinds = async (...deliveries: Delivery[]) => (await sink.store(deliveries, AT)).map(({ kind }) => kind)
    expect(await kinds(early('a', 1, 2, 3), early('a', 4), early('a', 5))).toEqual(['amended', 'amended', 'refused'])
    expect(await kinds(early('b', 1, 2), early('b', 3), early('a', 1))).toEqual(['amended', 'refused', 'amended'])
    const reject = (edge: string | undefined, i: number): Delivery => {
      return { kind: 'reject', reject: { edge, topic: `t/${edge}`, reason: `${i}`, payload: Buffer.from('x') } }
    }
    await sink.store([reject('b', 1)], AT)
    for (let i = 1; i <= 9; i++) await sink.store([reject('a', i), reject('a', -i)], AT)
    await sink.store([reject('b', 2), reject(undefined, 1)], AT)
    expect(query(folder, 'SELECT edge, reason FROM rejects ORDER BY id')).toEqual([
      { edge: 'b', reason: '1' },
      { edge: 'a', reason: '9' },
      { edge: 'a', reason: '-9' },
      { edge: 'b', reason: '2' },
      { edge: '', reason: '1' },
    ])
  })

  it('keeps the newest rejects, each with the beginning of its payload', async () => {
    const { folder, sink } = openSink(undefined, { rejectsMax: 2, rejectPayloadBytesMax: 3 })
    for (const [i, text] of ['one', 'two', 'three'].entries()) {
      const reject = { topic: `t/${text}`, reason: 'garbage', payload: Buffer.from(text) }
      await sink.store([{ kind: 'reject', reject }], AT + i)
    }
    const columns = 'received_at, topic, reason, CAST(payload AS TEXT) AS payload, payload_bytes'
    expect(query(folder, `SELECT ${columns} FROM rejects ORDER BY id`)).toEqual([
      { received_at: AT + 1, topic: 't/two', reason: 'garbage', payload: 'two', payload_bytes: 3 },
      { received_at: AT + 2, topic: 't/three', reason: 'garbage', payload: 'thr', payload_bytes: 5 },
    ])
  })

  it('stores as many readings of a series as a batch has of it, whether few or many', async () => {
    const { folder, sink } = openSink()
    const sizes = [1, 2, 63, 64, 65, 129]
    for (const [i, size] of sizes.entries()) {
      const rows = readings(1, size).map((one) => ({
        ...one,
        device: `device-${i}`,
        value: one.seq % 7 === 0 || one.seq,
      }))
      await sink.store([batch(rows, { epoch: `epoch-${i}` })], AT)
    }
    for (const [i, size] of sizes.entries()) {
      const rows = seenIn(folder).filter(({ device }) => device === `device-${i}`)
      expect(rows.map(({ seq, value }) => [seq, value])).toEqual(
        readings(1, size).map(({ seq }) => [seq, seq % 7 === 0 || seq]),
      )
    }
  })

  it('does not report a deleted reading as a fork', async () => {
    const { folder, sink } = openSink()
    await sink.store([batch(readings(1, 3))], AT)
    const other = new SQLite(join(folder, DATABASE_FILE))
    other.exec('DELETE FROM reading WHERE seq = 2')
    other.close()
    const results = await sink.store([batch(readings(1, 3)), amendments(verdict(2, 4, 1))], AT)
    expect(results).toMatchObject([{ kind: 'stored', repeats: 3 }, { kind: 'amended' }])
    expect(seenIn(folder).map(({ seq }) => seq)).toEqual([1, 3])
  })

  it('finds readings by series and time without reading all', async () => {
    const { folder, sink } = openSink()
    await sink.store([batch(readings(1, 10))], AT)
    const where = "device = 'a' AND metric = 'b' AND ts > 5"
    const plan = query<{ detail: string }>(folder, `EXPLAIN QUERY PLAN SELECT * FROM readings WHERE ${where}`)
    expect(plan.map(({ detail }) => detail).filter((detail) => detail.startsWith('SCAN'))).toEqual([])
    expect(plan.some(({ detail }) => /reading .*ts>\?/.test(detail))).toBe(true)
  })
})

describe('opening received.db', () => {
  it('keeps a second receiver out until the first has ended', async () => {
    const { folder, sink } = openSink()
    expect(() => SqliteSink.open(folder)).toThrow(OperatorError)
    await sink.close()
    openSink(folder).sink.close()
  })

  it('makes every commit durable, also in a database that is opened again', async () => {
    const { folder, sink } = openSink()
    await sink.close()
    const again = openSink(folder).sink
    again.store([batch([reading(1)])], AT)
    expect(query(folder, 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }])
    expect(again.synchronous).toBe(2)
  })

  it('refuses a database of a newer version or of another program, and a file that is no database', async () => {
    const newer = openSink()
    newer.sink.close()
    const database = new SQLite(join(newer.folder, DATABASE_FILE))
    database.pragma('user_version = 1000')
    database.close()
    const foreign = tempFolder()
    new SQLite(join(foreign, DATABASE_FILE)).exec('CREATE TABLE a (b)').close()
    const garbage = tempFolder()
    writeFileSync(join(garbage, DATABASE_FILE), 'no database '.repeat(1_000))
    for (const folder of [newer.folder, foreign, garbage]) expect(() => SqliteSink.open(folder)).toThrow(OperatorError)
  })
})
