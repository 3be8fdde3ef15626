import { expect, it } from 'vitest'
import type { PostgresSink } from '../../../src/receiver/postgres/postgres-sink.ts'
import type { Delivery } from '../../../src/receiver/sink.ts'
import { describePeer } from '../../../support/peers.ts'
import { startPostgres } from '../../../support/postgres.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { amendments, batch, reading, readings, verdict } from '../batches.ts'
import { AT, type Opened, openSink, seenIn, sharedPostgres } from './scene.ts'

const SINKS = 4

/** Stores deliveries, and again those that failed, as messages are sent again. */
async function untilStored(sink: PostgresSink, deliveries: readonly Delivery[]): Promise<void> {
  await until(
    () =>
      sink.store(deliveries, AT).then(
        () => true,
        () => false,
      ),
    { what: 'the deliveries are stored' },
  )
}

async function openSeveral(): Promise<{ sinks: PostgresSink[]; first: Opened }> {
  const first = await openSink()
  const others = await Promise.all(Array.from({ length: SINKS - 1 }, () => openSink({ schema: first.schema })))
  return { sinks: [first, ...others].map(({ sink }) => sink), first }
}

describePeer('postgres', 'several sinks in one PostgreSQL', () => {
  it('start at once on an empty database, and all of them work', async () => {
    const { sinks, first } = await openSeveral()
    await Promise.all(sinks.map((sink, i) => sink.store([batch([reading(1)], { edge: `edge-${i}` })], AT)))
    expect(await seenIn(first)).toHaveLength(SINKS)
  })

  it('store every reading once, although each gets all batches in a different order and division', async () => {
    const { sinks, first } = await openSeveral()
    const edges = ['a', 'b', 'c']
    const everything = sinks.map(async (sink, i) => {
      for (let from = 1; from <= 240; from += 20 + i) {
        const some = edges.map((edge) => batch(readings(from, Math.min(from + 29 + i, 240)), { edge }))
        const turned = [...some.slice(i % 3), ...some.slice(0, i % 3)]
        await sink.store([...turned, amendments(verdict(from, 4, 1 << i))], AT)
      }
    })
    await Promise.all(everything)
    const seen = await seenIn(first)
    expect(seen.map(({ edge, seq }) => `${edge}${seq}`)).toEqual(
      edges.flatMap((edge) => readings(1, 240).map(({ seq }) => `${edge}${seq}`)),
    )
    const intervals = await first.postgres.query(`SELECT first::int, last::int FROM ${first.schema}.positions`)
    expect(intervals).toEqual(edges.map(() => ({ first: 1, last: 240 })))
  })

  it('never deadlock, whichever logs their calls are about', async () => {
    const { sinks, first } = await openSeveral()
    const edges = Array.from({ length: 12 }, (_, i) => `edge-${i}`)
    const rounds = sinks.map(async (sink, i) => {
      for (let seq = 1; seq <= 15; seq++) {
        const order = i % 2 === 0 ? edges : edges.toReversed()
        await sink.store(
          order.map((edge) => batch([reading(seq)], { edge })),
          AT,
        )
      }
    })
    await Promise.all(rounds) // a deadlock would make one of them throw
    expect(await seenIn(first)).toHaveLength(edges.length * 15)
  })

  it('use no id for a repeat, so that repeats do not exhaust the ids', async () => {
    const { sinks, first } = await openSeveral()
    for (let seq = 1; seq <= 20; seq++) for (const sink of sinks) await sink.store([batch([reading(seq)])], AT)
    const [row] = await first.postgres.query<{ log: number; series: number }>(
      `SELECT (SELECT max(id) FROM ${first.schema}.logs) AS log, (SELECT max(id) FROM ${first.schema}.series) AS series`,
    )
    expect(row!.log).toBeLessThanOrEqual(SINKS)
    expect(row!.series).toBeLessThanOrEqual(3 * SINKS)
  })
})

describePeer('postgres', 'a sink whose PostgreSQL fails', () => {
  it('stores nothing of a call whose connection is lost during the call, and everything when it is repeated', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    await sink.store([batch(readings(1, 3))], AT)
    const holder = await postgres.connect()
    await holder.query(`BEGIN; LOCK TABLE ${schema}.positions IN EXCLUSIVE MODE`) // the table that is written last
    const deliveries = [batch(readings(2, 9)), amendments(verdict(1, 4, 1), verdict(20, 4, 1))]
    const refused = expect(sink.store(deliveries, AT)).rejects.toThrow(/PostgreSQL at/)
    const waits = `SELECT pid FROM pg_stat_activity WHERE application_name = 'tidegate-receiver'
      AND wait_event_type = 'Lock' AND query LIKE '%"${schema}"%'`
    const [backend] = await until(async () => {
      const found = await postgres.query<{ pid: number }>(waits)
      return found.length > 0 ? found : undefined
    })
    await postgres.query('SELECT pg_terminate_backend($1)', [backend!.pid])
    await refused
    await holder.query('COMMIT')
    expect(await seenIn(opened)).toEqual(readings(1, 3).map((one) => ({ edge: 'plant-7', epoch: 'epoch-1', ...one })))
    expect(await sink.store(deliveries, AT)).toMatchObject([
      { kind: 'stored', repeats: 2 },
      { kind: 'amended', high: 9 },
    ])
    expect((await seenIn(opened)).map(({ seq, quality }) => [seq, quality])).toEqual(
      readings(1, 9).map(({ seq }) => [seq, seq === 1 ? 4 : 1]),
    )
  })

  it('cancels a statement that takes too long, and continues when PostgreSQL does', async () => {
    const { postgres, schema, sink } = await openSink({ statementTimeoutMs: 100 })
    await untilStored(sink, [batch([reading(1)])])
    const holder = await postgres.connect()
    await holder.query(`BEGIN; LOCK TABLE ${schema}.positions IN ACCESS EXCLUSIVE MODE`)
    await expect(sink.store([batch([reading(2)])], AT)).rejects.toThrow('was too slow')
    await holder.query('COMMIT')
    await untilStored(sink, [batch([reading(2)])])
  })

  it('gives up a PostgreSQL that does not answer any more', async () => {
    const { postgres, schema, sink } = await openSink({ statementTimeoutMs: 100, connections: 1 })
    await untilStored(sink, [batch([reading(1)])])
    const idle = `SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND query LIKE '%"${schema}"%' AND
      application_name = 'tidegate-receiver'`
    const frozen = (await postgres.query<{ pid: number }>(idle)).map(({ pid }) => pid)
    expect(frozen).toHaveLength(1)
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    const thaw = (): void => {
      for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT')
    }
    onStop(thaw)
    await expect(sink.store([batch([reading(2)])], AT)).rejects.toThrow('did not answer')
    await untilStored(sink, [batch([reading(2)])])
    expect(await seenIn({ postgres, schema })).toHaveLength(2)
    thaw()
  })

  it('opens although PostgreSQL is away, works when it comes, and works again after a crash', async () => {
    const postgres = await startPostgres()
    await postgres.stop()
    const opened = { ...(await openSink({ url: postgres.url })), postgres }
    await expect(opened.sink.store([batch([reading(1)])], AT)).rejects.toThrow('cannot be reached')
    await postgres.restart()
    await untilStored(opened.sink, [batch([reading(1)])])
    await postgres.crash()
    await expect(opened.sink.store([batch([reading(2)])], AT)).rejects.toThrow(/PostgreSQL at/)
    await postgres.restart()
    await untilStored(opened.sink, [batch(readings(1, 3))])
    expect((await seenIn(opened)).map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  it('discards its cached ids when the tables were replaced, also when the same ids exist again', async () => {
    const opened = await openSink()
    const { postgres, schema, sink } = opened
    await sink.store([batch(readings(1, 9))], AT)
    await postgres.query(`DROP SCHEMA ${schema} CASCADE`)
    const other = await openSink({ schema })
    const others = ['x', 'y', 'z'].map((device, i) => reading(i + 20, { device }))
    await untilStored(other.sink, [batch(others, { edge: 'another' })])
    await untilStored(sink, [batch(readings(1, 9))])
    expect((await seenIn(opened)).map(({ edge, device, seq }) => `${edge} ${seq} ${device}`)).toEqual([
      ...others.map(({ device, seq }) => `another ${seq} ${device}`),
      ...readings(1, 9).map(({ device, seq }) => `plant-7 ${seq} ${device}`),
    ])
  })

  it('leaves nothing of itself behind when it is closed', async () => {
    const { sink, schema } = await openSink()
    await sink.store([batch([reading(1)])], AT)
    await sink.close()
    await sink.close()
    await expect(sink.store([batch([reading(2)])], AT)).rejects.toThrow()
    const postgres = await sharedPostgres()
    expect(await seenIn({ postgres, schema })).toHaveLength(1)
  })
})
