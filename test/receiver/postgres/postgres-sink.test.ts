import { expect, it } from 'vitest'
import { OperatorError } from '../../../src/base/errors.ts'
import { PostgresSink, type PostgresSinkOptions } from '../../../src/receiver/postgres/postgres-sink.ts'
import type { Delivery } from '../../../src/receiver/sink.ts'
import { describePeer } from '../../../support/peers.ts'
import { ROLE_WITH_PASSWORD } from '../../../support/postgres.ts'
import { onStop } from '../../../support/started.ts'
import { amendments, batch, reading, readings, verdict } from '../batches.ts'
import { describeSink, type SinkUnderTest } from '../contracts/sink.ts'
import { AT, openSink, seenIn, sharedPostgres } from './scene.ts'

async function underTest(options?: PostgresSinkOptions): Promise<SinkUnderTest> {
  const opened = await openSink(options)
  return {
    sink: opened.sink,
    seen: () => seenIn(opened),
    reopen: async () => {
      await opened.sink.close()
      return underTest({ schema: opened.schema })
    },
  }
}

/** The message of a failed call. */
async function failureOf(work: Promise<unknown>): Promise<OperatorError> {
  const failure: unknown = await work.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(failure).toBeInstanceOf(OperatorError)
  return failure as OperatorError
}

describePeer('postgres', 'a sink in PostgreSQL', () => {
  describeSink('the PostgreSQL sink', () => underTest())

  it('shows each value in the column of its type, and a text with U+0000 with its exact bytes', async () => {
    const { postgres, schema, sink } = await openSink()
    const values = [-0, true, 'µ', 'a\0b', new Uint8Array([0, 255]), null, Number.POSITIVE_INFINITY]
    await sink.store([batch(values.map((value, i) => reading(i + 1, { value })))], AT)
    const columns = 'value::text, value_boolean AS b, value_text AS t, value_bytes AS x'
    const rows = await postgres.query(`SELECT ${columns} FROM ${schema}.readings ORDER BY seq`)
    const none = { value: null, b: null, t: null, x: null }
    expect(rows).toEqual([
      { ...none, value: '-0' },
      { ...none, b: true },
      { ...none, t: 'µ' },
      { ...none, t: 'a␀b', x: Buffer.from('a\0b') },
      { ...none, x: Buffer.from([0, 255]) },
      none,
      { ...none, value: 'Infinity' },
    ])
  })

  it('stores readings of a series with U+0000 in a name, with a symbol in its place, each once', async () => {
    const { postgres, schema, sink } = await openSink()
    const names = { device: 'a\0', metric: '\0b', unit: 'C\0' }
    for (const repeats of [0, 1]) {
      expect(await sink.store([batch([reading(1, names)])], AT)).toMatchObject([{ kind: 'stored', repeats }])
    }
    expect(await sink.store([batch([reading(2, { ...names, unit: 'C␀' })])], AT)).toMatchObject([{ kind: 'stored' }])
    const rows = await postgres.query(`SELECT seq::int, device, metric, unit FROM ${schema}.readings ORDER BY seq`)
    expect(rows).toEqual([1, 2].map((seq) => ({ seq, device: 'a␀', metric: '␀b', unit: 'C␀' })))
  })

  it('keeps every time of the wire format that PostgreSQL can store, to the millisecond', async () => {
    const opened = await openSink()
    const times = [-210_866_803_200_000, -62_167_219_200_001, -1, 0, AT, 253_402_300_800_001, 2 ** 51 - 1]
    await opened.sink.store([batch(times.map((ts, i) => reading(i + 1, { ts })))], AT)
    expect((await seenIn(opened)).map(({ ts }) => ts)).toEqual(times)
    const again = await opened.sink.store([batch(times.map((ts, i) => reading(i + 1, { ts, quality: 4 })))], AT)
    expect(again).toMatchObject([{ kind: 'stored', repeats: times.length }])
    expect((await seenIn(opened)).map(({ quality }) => quality)).toEqual(times.map(() => 4))
  })

  it('refuses readings that PostgreSQL can never store, so that the edge stops sending them, and stores the rest', async () => {
    const opened = await openSink()
    const changes = [{ metric: 'a'.repeat(2_001) }, { ts: -210_866_803_200_001 }]
    const unfit = changes.map((change, i) => batch([reading(i + 10, change)]))
    const results = await opened.sink.store([...unfit, batch([reading(1)]), batch([reading(2)], { epoch: '\0' })], AT)
    expect(results.map(({ kind }) => kind)).toEqual([...unfit.map(() => 'refused'), 'stored', 'refused'])
    expect((await seenIn(opened)).map(({ seq }) => seq)).toEqual([1])
  })

  it('refuses amendments when too many wait for their readings, and accepts them when those have arrived', async () => {
    const { sink } = await openSink({ pendingMax: 4 })
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

  it('keeps the newest rejects, each with the beginning of its payload', async () => {
    const { postgres, schema, sink } = await openSink({ rejectsMax: 2, rejectPayloadBytesMax: 3 })
    for (const text of ['one', 'two', 'three']) {
      const reject = { topic: `t/${text}`, reason: 'gar\0bage', payload: Buffer.from(text) }
      await sink.store([{ kind: 'reject', reject }], AT)
    }
    const columns = `topic, reason, convert_from(payload, 'UTF8') AS payload, payload_bytes`
    expect(await postgres.query(`SELECT ${columns} FROM ${schema}.rejects ORDER BY id`)).toEqual([
      { topic: 't/two', reason: 'gar␀bage', payload: 'two', payload_bytes: 3 },
      { topic: 't/three', reason: 'gar␀bage', payload: 'thr', payload_bytes: 5 },
    ])
  })

  it('leaves room for the verdicts and the rejects of other edges, whatever one edge sends', async () => {
    const { postgres, schema, sink } = await openSink({ pendingMax: 8, rejectsMax: 3 })
    const early = (edge: string, ...seqs: number[]): Delivery => {
      const items = seqs.map((seq) => verdict(seq, 4, 4))
      return { kind: 'amendments', amendments: { edge, epoch: 'e', run: 'r', first: 1, last: items.length, items } }
    }
    const kinds = async (...deliveries: Delivery[]) => (await sink.store(deliveries, AT)).map(({ kind }) => kind)
    expect(await kinds(early('a', 1, 2, 3), early('a', 4), early('a', 5))).toEqual(['amended', 'amended', 'refused'])
    expect(await kinds(early('b', 1, 2), early('b', 3), early('a', 1))).toEqual(['amended', 'refused', 'amended'])
    const reject = (edge: string, i: number): Delivery => {
      return { kind: 'reject', reject: { edge, topic: `t/${edge}`, reason: `${i}`, payload: Buffer.from('x') } }
    }
    await sink.store([reject('b', 1)], AT)
    for (let i = 1; i <= 9; i++) await sink.store([reject('a', i)], AT)
    expect(await postgres.query(`SELECT edge, reason FROM ${schema}.rejects ORDER BY id`)).toEqual([
      { edge: 'b', reason: '1' },
      { edge: 'a', reason: '8' },
      { edge: 'a', reason: '9' },
    ])
  })

  it('finds readings by series and time, and by position, without reading all', async () => {
    const { postgres, schema, sink } = await openSink()
    await sink.store([batch(readings(1, 10))], AT)
    await postgres.query('SET enable_seqscan = off')
    for (const where of [
      "device = 'a' AND metric = 'b' AND ts > '2023-01-01'",
      "edge = 'a' AND epoch = 'b' AND seq > 5",
    ]) {
      const sql = `EXPLAIN SELECT * FROM ${schema}.readings WHERE ${where}`
      const plan = (await postgres.query<{ 'QUERY PLAN': string }>(sql)).map((row) => row['QUERY PLAN']).join('\n')
      expect(plan).toMatch(/Index Cond: \(\((series = \S+ AND \(ts|log = \S+ AND \(seq) > /)
    }
    await postgres.query('RESET enable_seqscan')
  })

  it('stores durably and with all digits, whatever the settings of its role are', async () => {
    const postgres = await sharedPostgres()
    await postgres.query(`CREATE ROLE careless SUPERUSER LOGIN; ALTER ROLE careless SET synchronous_commit = off;
      ALTER ROLE careless SET extra_float_digits = -10; ALTER ROLE careless SET default_transaction_isolation = serializable;
      ALTER ROLE careless SET default_transaction_read_only = on; ALTER ROLE careless SET timezone = 'Asia/Kolkata';
      ALTER ROLE careless SET datestyle = 'SQL, DMY'; ALTER ROLE careless SET bytea_output = 'escape'`)
    const { sink, schema } = await openSink({ url: postgres.urlOf('careless') })
    const all = [reading(1, { value: 0.1 + 0.2 }), reading(2, { value: new Uint8Array([0, 92, 200]) })]
    await postgres.query(`CREATE TABLE seen (mode text);
      CREATE FUNCTION record_mode() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$`)
    await sink.store([batch(all)], AT)
    await postgres.query(
      `CREATE TRIGGER record_mode AFTER UPDATE ON ${schema}.positions EXECUTE FUNCTION record_mode()`,
    )
    const more = [...all, reading(3)].map((one) => ({ ...one, quality: 4 as const }))
    expect(await sink.store([batch(more)], AT)).toMatchObject([{ kind: 'stored', repeats: 2 }])
    expect(await postgres.query('SELECT DISTINCT mode FROM seen')).toEqual([{ mode: 'on' }])
    expect((await seenIn({ postgres, schema })).map(({ quality }) => quality)).toEqual([4, 4, 4])
  })
})

describePeer('postgres', 'opening a sink in PostgreSQL', () => {
  it('reports a wrong password, an unknown database and an unknown host, and shows no password', async () => {
    const postgres = await sharedPostgres()
    await postgres.query(`CREATE ROLE ${ROLE_WITH_PASSWORD} SUPERUSER LOGIN PASSWORD 'right/secret'`)
    const url = postgres.urlOf(ROLE_WITH_PASSWORD)
    const wrong = await openSink({ url, password: 'wrong-secret' })
    const refused = await failureOf(wrong.sink.store([], AT))
    expect(refused.message).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+\/postgres refuses the user or the password: /)
    expect(refused.message + refused.remedy).not.toContain('wrong-secret')
    const unknown = await openSink({ url: postgres.urlOf('postgres', 'nowhere') })
    expect((await failureOf(unknown.sink.store([], AT))).message).toContain('has no such database')
    const away = await openSink({ url: 'postgres://postgres@127.0.0.1:1/postgres' })
    expect((await failureOf(away.sink.store([], AT))).message).toContain('cannot be reached')
    const right = await openSink({ url, password: 'right/secret' })
    expect(await right.sink.store([batch([reading(1)])], AT)).toMatchObject([{ kind: 'stored' }])
  })

  it('refuses a schema of a newer version or of another program, and a database that cannot hold every text', async () => {
    const { postgres, schema, sink } = await openSink()
    await sink.store([], AT)
    await postgres.query(`INSERT INTO ${schema}.migrations VALUES (1000)`)
    await postgres.query('CREATE SCHEMA foreigner CREATE TABLE a (b text)')
    await postgres.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`)
    const newer = PostgresSink.open(postgres.url, { schema })
    const foreign = PostgresSink.open(postgres.url, { schema: 'foreigner' })
    const latin = PostgresSink.open(postgres.urlOf('postgres', 'latin'))
    for (const [one, text] of [
      [newer, 'version 1000'],
      [foreign, 'tables of another program'],
      [latin, 'LATIN1'],
    ] as const) {
      onStop(() => one.close())
      expect((await failureOf(one.store([batch([reading(1)])], AT))).message).toContain(text)
    }
  })
})
