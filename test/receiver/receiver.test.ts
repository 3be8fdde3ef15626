import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import type { SeqRange } from '../../src/base/reading.ts'
import type { Receipt } from '../../src/codec/receipt.ts'
import { startReceiver } from '../../src/receiver/receiver.ts'
import type { Delivery, Sink, StoreResult } from '../../src/receiver/sink.ts'
import { DATABASE_FILE, SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { startScript } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startAedes } from '../link/brokers.ts'
import { EDGE, EPOCH, encoded, encodedAmendments, RUN, reading, readings, verdict } from './batches.ts'
import { settingsFor, startEdge, startReceiving } from './scene.ts'

function openSink(folder: string): SqliteSink {
  const sink = SqliteSink.open(folder)
  onStop(() => sink.close())
  return sink
}

/** Positions in the store with their flags, read over another connection. */
function stored(folder: string): [number, number][] {
  const database = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
  const rows = database.prepare<[], [number, number]>('SELECT seq, quality FROM readings ORDER BY seq').raw().all()
  database.close()
  return rows
}

function good(first: number, last: number): [number, number][] {
  return readings(first, last).map(({ seq }) => [seq, 1])
}

function receipt(kind: Receipt['kind'], ranges: SeqRange[], high: number, reason?: string): Receipt {
  return { epoch: EPOCH, run: RUN, kind, ranges, high, reason }
}

/** A sink whose commits fail or wait on demand. */
class TroubledSink implements Sink {
  readonly #inner: SqliteSink
  trouble: 'none' | 'before the commit' | 'after the commit' = 'none'
  calls = 0
  /** Number of deliveries of each commit. */
  readonly commits: number[] = []
  /** Every commit waits for this promise. */
  hold: Promise<void> = Promise.resolve()

  constructor(inner: SqliteSink) {
    this.#inner = inner
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> {
    this.calls++
    await this.hold
    if (this.trouble === 'before the commit') throw new Error('database or disk is full')
    const results = this.#inner.store(deliveries, receivedAt)
    this.commits.push(deliveries.length)
    if (this.trouble === 'after the commit') throw new Error('the process dies here')
    return results
  }

  close(): void {
    this.#inner.close()
  }
}

describePeer('mosquitto', 'a receiver over Mosquitto', () => {
  let broker: Mosquitto
  let folder: string
  let sink: TroubledSink
  beforeEach(async () => {
    broker = await startMosquitto()
    folder = tempFolder()
    sink = new TroubledSink(openSink(folder))
  })

  it('stores a batch that arrives twice only once, and answers it twice', async () => {
    const receiver = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 50)))
    await edge.send('backfill', encoded(readings(1, 50)))
    const answer = receipt('stored', [{ first: 1, last: 50 }], 50)
    expect(await edge.received(2)).toEqual([answer, answer])
    expect(stored(folder)).toEqual(good(1, 50))
    const { batches, readings: fresh, repeats, edges } = receiver.stats()
    expect({ batches, fresh, repeats }).toEqual({ batches: 2, fresh: 50, repeats: 50 })
    expect(Object.keys(edges)).toEqual([EDGE])
  })

  it('does not answer before the commit', async () => {
    const go = Promise.withResolvers<void>()
    sink.hold = go.promise
    await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 5)))
    await until(() => sink.calls === 1)
    await edge.link.publish('tidegate/plant-7/down/receipt/elsewhere', Buffer.from('.'), { qos: 1 })
    expect(edge.receipts).toEqual([])
    go.resolve()
    await edge.received(1)
  })

  it('stores batches that wait for the disk in one commit', async () => {
    const go = Promise.withResolvers<void>()
    sink.hold = go.promise
    const receiver = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded([reading(1)]))
    await until(() => sink.calls === 1)
    for (let seq = 2; seq <= 20; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => receiver.stats().open.messages === 20, { what: 'all of them wait' })
    go.resolve()
    const receipts = await edge.received(20)
    expect(receipts.map(({ ranges }) => ranges[0]!.first)).toEqual(readings(1, 20).map(({ seq }) => seq))
    expect(sink.commits).toEqual([1, 19])
    expect(stored(folder)).toEqual(good(1, 20))
  })

  it('sends no receipt while the disk is full, and stores and answers the waiting batches when there is room again', async () => {
    sink.trouble = 'before the commit'
    const receiver = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    for (let seq = 1; seq <= 5; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => sink.calls >= 3)
    expect(receiver.stats().trouble).toContain('disk is full')
    expect(edge.receipts).toEqual([])
    expect(stored(folder)).toEqual([])
    sink.trouble = 'none'
    await edge.received(5)
    expect(stored(folder)).toEqual(good(1, 5))
    await until(() => receiver.stats().trouble === undefined)
  })

  it('answers a batch that was committed before its receipt was lost, and does not store it twice', async () => {
    sink.trouble = 'after the commit'
    await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 5)))
    await until(() => sink.commits.length >= 1)
    expect(edge.receipts).toEqual([])
    sink.trouble = 'none'
    expect((await edge.received(1))[0]).toEqual(receipt('stored', [{ first: 1, last: 5 }], 5))
    expect(stored(folder)).toEqual(good(1, 5))
  })

  it('answers a batch that a receiver committed before it was killed without a receipt', async () => {
    sink.close()
    const doomed = startScript('test/receiver/doomed-receiver.ts', [broker.url, folder])
    await doomed.waitFor(/connected/)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 500)))
    expect(await doomed.exit).toBe(137)
    expect(edge.receipts).toEqual([])
    expect(stored(folder)).toEqual(good(1, 500))
    const receiver = await startReceiving(broker.url, openSink(folder))
    expect((await edge.received(1))[0]).toEqual(receipt('stored', [{ first: 1, last: 500 }], 500))
    expect(stored(folder)).toEqual(good(1, 500))
    expect(receiver.stats().repeats).toBe(500)
  })

  it('receives the batches that were sent while it was stopped', async () => {
    const first = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await first.stop()
    await edge.send('backfill', encoded(readings(1, 5)))
    await startReceiving(broker.url, openSink(folder))
    await edge.received(1)
    expect(stored(folder)).toEqual(good(1, 5))
  })

  it('connects again after the connection was cut, and after the broker was restarted', async () => {
    const proxy = await startProxy({ to: broker.port })
    const receiver = await startReceiving(proxy.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded([reading(1)]))
    await edge.received(1)
    proxy.cut()
    await edge.send('live', encoded([reading(2)]))
    await edge.received(2)
    await broker.restart()
    await until(() => receiver.stats().connected && proxy.open > 0)
    const later = await startEdge(broker.url)
    await until(async () => {
      await later.send('live', encoded([reading(3)]))
      return later.receipts.length > 0
    })
    expect(stored(folder)).toEqual(good(1, 3))
  })

  it('answers each message with the epoch and the run of its sender, also repeats and amendments', async () => {
    await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 3)))
    await edge.send('live', encoded(readings(1, 3), { run: 'run-2' }))
    await edge.send('amend', encodedAmendments(41, [verdict(2, 4, 4)], { run: 'run-3' }))
    await edge.send('live', encoded([reading(2, { value: 'another' })], { run: 'run-4' }))
    expect(await edge.received(4)).toEqual([
      receipt('stored', [{ first: 1, last: 3 }], 3),
      { ...receipt('stored', [{ first: 1, last: 3 }], 3), run: 'run-2' },
      { ...receipt('amended', [{ first: 41, last: 41 }], 3), run: 'run-3' },
      { ...receipt('forked', [{ first: 2, last: 2 }], 3), run: 'run-4' },
    ])
  })

  it('answers a fork, and stores readings of the new epoch', async () => {
    const receiver = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 9)))
    await edge.send('live', encoded([reading(5, { value: 'another' })]))
    await edge.send('live', encoded([reading(5, { value: 'another' })], { epoch: 'epoch-2' }))
    expect((await edge.received(3)).slice(1)).toEqual([
      receipt('forked', [{ first: 5, last: 5 }], 9),
      { ...receipt('stored', [{ first: 5, last: 5 }], 5), epoch: 'epoch-2' },
    ])
    expect(receiver.stats().forked).toBe(1)
  })

  it('merges amendments, and answers them with their ids', async () => {
    await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('amend', encodedAmendments(41, [verdict(2, 4, 4), verdict(9, 3, 16)]))
    await edge.send('live', encoded(readings(1, 3)))
    await edge.send('amend', encodedAmendments(43, [verdict(3, 3, 16)]))
    const [early, , late] = await edge.received(3)
    expect([early, late]).toEqual([
      receipt('amended', [{ first: 41, last: 42 }], 0),
      receipt('amended', [{ first: 43, last: 43 }], 3),
    ])
    expect(stored(folder)).toEqual([
      [1, 1],
      [2, 4],
      [3, 3],
    ])
  })

  it('keeps a message that it cannot store, answers with the reason, and stores the next one', async () => {
    const large = encoded(readings(1, 90).map((one) => ({ ...one, value: Math.sin(one.seq) })))
    const numerous = encoded(readings(1, 101))
    expect(numerous.length).toBeLessThan(large.length)
    const limits = { batchBytesMax: large.length - 1, batchReadingsMax: 100 }
    const receiver = await startReceiving(broker.url, sink, limits)
    const edge = await startEdge(broker.url)
    const whole = encoded(readings(1, 3))
    await edge.send('live', Buffer.from('garbage'))
    await edge.send('live', whole.subarray(0, whole.length - 1))
    await edge.send('live', large)
    await edge.send('live', numerous)
    await edge.send('live', encoded(readings(1, 3), { edge: 'another' }))
    await edge.send('other', whole)
    await edge.send('amend', Buffer.from('garbage'))
    await edge.send('live', encoded(readings(1, 3), { edge: 'no name' }), 'no name') // no edge to answer
    await edge.send('live', whole)
    const receipts = await edge.received(8)
    expect(receipts.map(({ kind }) => kind)).toEqual([...Array<string>(7).fill('rejected'), 'stored'])
    const names = receipts.slice(0, 7).map(({ epoch, run }) => [epoch, run])
    const unopened = ['', '']
    const opened = [EPOCH, RUN]
    expect(names).toEqual([unopened, unopened, opened, opened, opened, unopened, unopened])
    expect(receipts.slice(0, 7).every(({ reason }) => reason !== undefined)).toBe(true)
    const positions = receipts.slice(0, 7).map(({ ranges }) => ranges)
    expect(positions).toEqual([[], [], [{ first: 1, last: 90 }], [{ first: 1, last: 101 }], [], [], []])
    expect(stored(folder)).toEqual(good(1, 3))
    expect(receiver.stats()).toMatchObject({ rejected: 8, batches: 1 })
    const database = new SQLite(join(folder, DATABASE_FILE), { readonly: true })
    const kept = database.prepare('SELECT topic, payload_bytes FROM rejects ORDER BY id').raw().all()
    database.close()
    expect(kept).toHaveLength(8)
    expect(kept).toContainEqual(['tidegate/plant-7/up/live', large.length])
  })
})

describe('a receiver', () => {
  it('receives from a broker that supports only MQTT 3.1.1', async () => {
    const { url } = await startAedes()
    const folder = tempFolder()
    await startReceiving(url, openSink(folder))
    const edge = await startEdge(url)
    for (let seq = 1; seq <= 300; seq++) await edge.send('live', encoded([reading(seq)]))
    await edge.received(300)
    expect(stored(folder)).toEqual(good(1, 300))
  })

  it('stops while its broker does not respond, without waiting for the connect timeout', async () => {
    const proxy = await startProxy({ to: await freePort() })
    proxy.dial.freeze = true
    const cloud = { ...settingsFor(proxy.url).cloud, connectTimeoutMs: 3_600_000 }
    const dependencies = { log: silentLog, clock: systemClock, sink: openSink(tempFolder()) }
    const receiver = await startReceiver(settingsFor(proxy.url, { cloud }), dependencies)
    await until(() => proxy.opened > 0, { what: 'the receiver tries to connect' })
    await receiver.stop()
    expect(receiver.stats().connected).toBe(false)
  })
})
