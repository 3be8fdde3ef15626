import { beforeEach, expect, it } from 'vitest'
import { LoopShare } from '../../src/base/loop/loop-share.ts'
import type { Receipt } from '../../src/codec/receipt.ts'
import { openMessage } from '../../src/receiver/open-message.ts'
import type { Delivery, Sink, StoreResult } from '../../src/receiver/sink.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { onStop } from '../../support/started.ts'
import { batchOf, EPOCH, encoded, RUN, reading, readings } from './batches.ts'
import { startEdge, startReceiving } from './scene.ts'

/** A sink that cannot store the reading of one position. */
class PickySink implements Sink {
  readonly #inner: SqliteSink
  readonly #refusedSeq: number
  readonly stored: number[] = []

  constructor(inner: SqliteSink, refusedSeq: number) {
    this.#inner = inner
    this.#refusedSeq = refusedSeq
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<StoreResult[]> {
    const results: StoreResult[] = []
    for (const delivery of deliveries) {
      const seqs = delivery.kind === 'batch' ? delivery.batch.series.flatMap(({ seq }) => [...seq]) : []
      if (seqs.includes(this.#refusedSeq)) results.push({ kind: 'refused', reason: 'no table takes this value' })
      else {
        this.stored.push(...seqs)
        results.push(...(await this.#inner.store([delivery], receivedAt)))
      }
    }
    return results
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

function rejected(ranges: Receipt['ranges'], reason: string): Receipt {
  return { epoch: EPOCH, run: RUN, kind: 'rejected', ranges, high: 0, reason }
}

describePeer('mosquitto', 'a batch that the sink refuses', () => {
  let broker: Mosquitto
  beforeEach(async () => {
    broker = await startMosquitto()
  })

  it('is answered with its positions, so that bisection finds the one bad reading', async () => {
    const sink = new PickySink(SqliteSink.open(tempFolder()), 11)
    onStop(() => sink.close())
    const receiver = await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    let candidates = readings(1, 16)
    for (let sent = 1; candidates.length > 1; sent++) {
      await edge.send('live', encoded(candidates))
      const { ranges } = (await edge.received(sent)).at(-1)!
      expect(edge.receipts.at(-1)).toEqual(
        rejected([{ first: candidates[0]!.seq, last: candidates.at(-1)!.seq }], REFUSED),
      )
      const refused = candidates.filter(({ seq }) => ranges.some(({ first, last }) => first <= seq && seq <= last))
      const [left, right] = [refused.slice(0, refused.length / 2), refused.slice(refused.length / 2)]
      await edge.send('live', encoded(left))
      candidates = (await edge.received(++sent)).at(-1)!.kind === 'stored' ? right : left
    }
    expect(candidates.map(({ seq }) => seq)).toEqual([11])
    expect(sink.stored).not.toContain(11)
    expect(receiver.stats().rejected).toBeGreaterThan(0)
    expect(receiver.stats().edges).toBeDefined()
  })

  it('does not affect other batches', async () => {
    const sink = new PickySink(SqliteSink.open(tempFolder()), 2)
    onStop(() => sink.close())
    await startReceiving(broker.url, sink)
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded([reading(1)]))
    await edge.send('live', encoded([reading(2), reading(5)]))
    await edge.send('live', encoded([reading(3)]))
    const receipts = await edge.received(3)
    expect(receipts.map(({ kind }) => kind)).toEqual(['stored', 'rejected', 'stored'])
    const positions = [
      { first: 2, last: 2 },
      { first: 5, last: 5 },
    ]
    expect(receipts[1]).toEqual(rejected(positions, REFUSED))
  })
})

const REFUSED = 'no table takes this value'

it('only the head of a message that is far too large is decoded, and only its beginning is kept', async () => {
  const large = readings(1, 3_000).map((one) => ({ ...one, value: `${one.seq} ${Math.random()} ${Math.random()}` }))
  const bytes = encoded(large)
  const wide = Buffer.concat([bytes, Buffer.alloc(400_000)])
  const limits = { prefix: 'tidegate', batchBytesMax: 1_000, batchReadingsMax: 1_000 }
  const opened = await openMessage({ topic: 'tidegate/plant-7/up/live', payload: bytes }, limits, new LoopShare())
  expect(opened).toMatchObject({ edge: 'plant-7', epoch: EPOCH, run: RUN, refused: batchOf(large).ranges })
  const { delivery } = await openMessage({ topic: 'tidegate/plant-7/up/live', payload: wide }, limits, new LoopShare())
  if (delivery.kind !== 'reject') throw new Error('it was taken')
  expect(delivery.reject.payloadBytes).toBe(wide.length)
  expect(delivery.reject.payload.buffer.byteLength).toBe(262_144)
})

it('a batch that names another edge as its origin is refused as a whole: no reading of it is a poison candidate', async () => {
  const limits = { prefix: 'tidegate', batchBytesMax: 1_000_000, batchReadingsMax: 2 }
  for (const payload of [encoded(readings(1, 2)), encoded(readings(1, 9))]) {
    expect(
      (await openMessage({ topic: 'tidegate/plant-8/up/live', payload }, limits, new LoopShare())).refused,
    ).toEqual([])
  }
})

it('a batch that unpacks to too much is refused with its positions, so that its edge sends it in parts', async () => {
  const large = readings(1, 40).map((one) => ({ ...one, value: 'x'.repeat(500_000) }))
  const payload = encoded(large)
  expect(payload.length).toBeLessThan(10_000)
  const limits = { prefix: 'tidegate', batchBytesMax: 1_000_000, batchReadingsMax: 1_000 }
  const topic = 'tidegate/plant-7/up/live'
  const opened = await openMessage({ topic, payload }, limits, new LoopShare())
  expect(opened.delivery).toMatchObject({
    kind: 'reject',
    reject: { reason: expect.stringMatching(/unpacks to more/) },
  })
  expect(opened).toMatchObject({ epoch: EPOCH, refused: [{ first: 1, last: 40 }] })
  const half = await openMessage({ topic, payload: encoded(large.slice(20)) }, limits, new LoopShare())
  expect(half.delivery.kind).toBe('batch')
})
