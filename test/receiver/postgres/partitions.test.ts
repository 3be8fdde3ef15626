import { expect, it } from 'vitest'
import { describePeer } from '../../../support/peers.ts'
import { batch, reading, readings } from '../batches.ts'
import { type Opened, openSink, seenIn } from './scene.ts'

const DAY_MS = 24 * 3_600_000
const NOW = Date.UTC(2026, 10, 28)

/** The number of rows in each partition that is not empty. */
async function rowsOf({ postgres, schema }: Opened): Promise<Record<string, number>> {
  const rows = await postgres.query<{ name: string; count: number }>(
    `SELECT tableoid::regclass::text AS name, count(*)::int FROM ${schema}.reading GROUP BY 1`,
  )
  return Object.fromEntries(rows.map(({ name, count }) => [name.replace(`${schema}.`, ''), count]))
}

async function partitionsOf({ postgres, schema }: Opened): Promise<string[]> {
  const rows = await postgres.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '${schema}.reading'::regclass ORDER BY 1`,
  )
  return rows.map(({ name }) => name.replace(`${schema}.`, ''))
}

describePeer('postgres', 'the partitions of a sink in PostgreSQL', () => {
  it('are monthly, and exist before the readings arrive; the next one is made some days before its month', async () => {
    const opened = await openSink()
    const edges = [Date.UTC(2026, 8, 30, 23, 59, 59, 999), Date.UTC(2026, 9, 1), Date.UTC(2026, 9, 31, 23, 59, 59, 999)]
    await opened.sink.store([batch(edges.map((ts, i) => reading(i + 1, { ts })))], NOW)
    expect(await rowsOf(opened)).toEqual({ reading_2026_09: 1, reading_2026_10: 2 })
    expect(await partitionsOf(opened)).toEqual([
      'reading_2026_09',
      'reading_2026_10',
      'reading_2026_11',
      'reading_2026_12',
      'reading_default',
    ])
  })

  it('are made once when several sinks need them at once', async () => {
    const first = await openSink()
    const others = await Promise.all([1, 2, 3].map(() => openSink({ schema: first.schema })))
    const months = Array.from({ length: 8 }, (_, i) => Date.UTC(2026, i, 15))
    await Promise.all(
      [first, ...others].map(({ sink }, i) =>
        sink.store(
          [
            batch(
              months.map((ts, m) => reading(m + 1, { ts })),
              { edge: `edge-${i}` },
            ),
          ],
          NOW,
        ),
      ),
    )
    expect(Object.values(await rowsOf(first))).toEqual(months.map(() => 4))
  })

  it('are not made for times far from now: a device with a wild clock fills one table, not the catalog', async () => {
    const opened = await openSink()
    const wild = Array.from({ length: 500 }, (_, i) => reading(i + 1, { ts: (i - 250) * 400 * DAY_MS }))
    await opened.sink.store([batch(wild)], NOW)
    expect((await partitionsOf(opened)).length).toBeLessThan(20)
    expect((await rowsOf(opened)).reading_default).toBeGreaterThan(480)
    expect(await seenIn(opened)).toHaveLength(500)
    const judged = wild.map((one) => ({ ...one, quality: 3 as const }))
    expect(await opened.sink.store([batch(judged)], NOW)).toMatchObject([{ kind: 'stored', repeats: 500 }])
    expect(new Set((await seenIn(opened)).map(({ quality }) => quality))).toEqual(new Set([3]))
  })

  it('take over readings that arrived before their partition was made', async () => {
    const opened = await openSink()
    const ts = NOW + 500 * DAY_MS
    await opened.sink.store([batch([reading(1, { ts })])], NOW)
    expect(await rowsOf(opened)).toEqual({ reading_default: 1 })
    const later = await openSink({ schema: opened.schema })
    await later.sink.store([batch([reading(2, { ts: ts + 1 })])], ts)
    expect(await rowsOf(opened)).toEqual({ reading_2028_04: 2 })
    expect(await seenIn(opened)).toMatchObject([{ ts }, { ts: ts + 1 }])
  })

  it('never make a sink wait: readings go into reading_default while another client reads it, and are moved later', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    await sink.store([], NOW)
    const reader = await postgres.connect()
    await reader.query(`BEGIN; SELECT count(*) FROM ${schema}.readings`)
    const ts = Date.UTC(2026, 5, 1)
    await sink.store([batch([reading(1, { ts })])], NOW)
    await reader.query('COMMIT')
    expect(await rowsOf(opened)).toEqual({ reading_default: 1 })
    await sink.store([batch([reading(2, { ts })])], NOW + 60_000)
    expect(await rowsOf(opened)).toEqual({ reading_2026_06: 2 })
  })

  it('are made at once after the clock was set back, and not only when it shows the old time again', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    await sink.store([], NOW)
    const reader = await postgres.connect()
    await reader.query(`BEGIN; SELECT count(*) FROM ${schema}.readings`)
    const ts = Date.UTC(2026, 5, 1)
    const wrong = NOW + 10 * 365 * 86_400_000
    await sink.store([batch([reading(1, { ts })])], wrong)
    await reader.query('COMMIT')
    await sink.store([batch([reading(2, { ts })])], NOW)
    expect(await rowsOf(opened)).toEqual({ reading_2026_06: 2 })
  })

  it('can be dropped: their readings are neither forks nor stored again', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    const all = [reading(1, { ts: NOW - 90 * DAY_MS }), reading(2, { ts: NOW })]
    await sink.store([batch(all)], NOW)
    await postgres.query(`DROP TABLE ${schema}.reading_2026_08`)
    expect(await sink.store([batch(all)], NOW)).toMatchObject([{ kind: 'stored', repeats: 2 }])
    expect((await seenIn(opened)).map(({ seq }) => seq)).toEqual([2])
  })

  it('are not made when the operator has replaced the table by one of their own', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    await sink.store([], NOW)
    await postgres.query(`BEGIN; CREATE TABLE ${schema}.own (LIKE ${schema}.reading INCLUDING ALL);
      DROP VIEW ${schema}.readings; DROP TABLE ${schema}.reading; ALTER TABLE ${schema}.own RENAME TO reading; COMMIT`)
    expect(await sink.store([batch(readings(1, 3)), batch(readings(1, 5))], NOW)).toMatchObject([{}, { repeats: 3 }])
    expect(await rowsOf(opened)).toEqual({ reading: 5 })
  })

  it('need the owner of the tables: a role that may only write and read stores without them', async () => {
    const { postgres, schema, sink } = await openSink()
    await sink.store([], NOW)
    await postgres.query(`CREATE ROLE writer LOGIN; GRANT USAGE ON SCHEMA ${schema} TO writer;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO writer;
      CREATE ROLE viewer LOGIN; GRANT USAGE ON SCHEMA ${schema} TO viewer; GRANT SELECT ON ${schema}.readings TO viewer`)
    const writer = await openSink({ schema, url: postgres.urlOf('writer') })
    await writer.sink.store([batch([reading(1, { ts: Date.UTC(2026, 5, 1) })])], NOW)
    expect(await rowsOf(writer)).toEqual({ reading_default: 1 })
    const viewer = await openSink({ schema, url: postgres.urlOf('viewer') })
    await expect(viewer.sink.store([batch([reading(2)])], NOW)).rejects.toThrow('denies a right')
    await postgres.query(`SET ROLE viewer`)
    expect(await postgres.query(`SELECT count(*)::int AS n FROM ${schema}.readings`)).toEqual([{ n: 1 }])
    await postgres.query('RESET ROLE')
  })
})
