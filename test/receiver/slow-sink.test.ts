import { beforeEach, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import { MESSAGES_OPEN_MAX } from '../../src/link/link.ts'
import { BYTES_OPEN_MAX, messagesOpenMax, type Receiver } from '../../src/receiver/receiver.ts'
import type { Delivery, Sink, StoreResult } from '../../src/receiver/sink.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { encoded, reading } from './batches.ts'
import { startEdge, startReceiving, type TestEdge } from './scene.ts'

/** A sink with a dial: the number of commits that it makes before it waits. */
class SlowSink implements Sink {
  readonly #inner = SqliteSink.open(tempFolder())
  #permits = 0
  #onPermit: () => void = () => {}
  /** The number of deliveries that were handed over and are not committed. */
  atWork = 0

  permit(commits: number): void {
    this.#permits += commits
    this.#onPermit()
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> {
    this.atWork = deliveries.length
    while (this.#permits === 0) {
      await new Promise<void>((resolve) => {
        this.#onPermit = resolve
      })
    }
    this.#permits--
    this.atWork = 0
    return this.#inner.store(deliveries, receivedAt)
  }

  async readings(): Promise<number> {
    return (await this.#inner.fleet.edges())[0]?.readings ?? 0
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** Sends a batch for each position as an edge does: at most `window` batches are unanswered. */
async function send(edge: TestEdge, count: number, window: number): Promise<void> {
  for (let seq = 1; seq <= count; seq++) {
    await until(() => seq - edge.receipts.length <= window, { what: `room in the window for ${seq}` })
    await edge.send('live', encoded([reading(seq)]))
  }
}

const COUNT = 400
const ENOUGH = 1_000

describePeer('mosquitto', 'a slow sink', () => {
  let broker: Mosquitto
  let sink: SlowSink
  let receiver: Receiver
  beforeEach(async () => {
    // The broker sends as many messages at once as the receiver allows.
    broker = await startMosquitto({ config: 'max_inflight_messages 0\nmax_queued_messages 0' })
    sink = new SlowSink()
  })

  async function arrive(batchBytesMax?: number): Promise<void> {
    receiver = await startReceiving(broker.url, sink, batchBytesMax === undefined ? {} : { batchBytesMax })
    onStop(() => sink.permit(ENOUGH))
  }

  it('has a bounded number of open messages, the broker keeps the others, and all of them arrive in the end', async () => {
    await arrive()
    const edge = await startEdge(broker.url)
    for (let seq = 1; seq <= COUNT; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => receiver.stats().open.messages === MESSAGES_OPEN_MAX)
    expect(edge.receipts).toEqual([])
    for (let commits = 1; edge.receipts.length < COUNT; commits++) {
      const before = edge.receipts.length
      sink.permit(1)
      await until(() => edge.receipts.length > before)
      expect(sink.atWork).toBeLessThanOrEqual(MESSAGES_OPEN_MAX)
      if (commits === 5) sink.permit(ENOUGH)
    }
    const { open, batches, repeats } = receiver.stats()
    expect({ batches, repeats }).toEqual({ batches: COUNT, repeats: 0 })
    expect(open.most.messages).toBe(MESSAGES_OPEN_MAX)
    expect(open.messages).toBe(0)
    expect(await sink.readings()).toBe(COUNT)
  })

  it('has a bounded number of open bytes: the larger batches may be, the fewer are accepted at once', async () => {
    await arrive(BYTES_OPEN_MAX / 4)
    const edge = await startEdge(broker.url)
    for (let seq = 1; seq <= 50; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => receiver.stats().open.messages === 4)
    sink.permit(ENOUGH)
    await edge.received(50)
    expect(receiver.stats().open.most.messages).toBe(4)
  })

  it('stops the window of an edge until it continues, and loses nothing', async () => {
    await arrive()
    const edge = await startEdge(broker.url)
    const sending = send(edge, 60, 8)
    await until(() => receiver.stats().open.messages === 8)
    sink.permit(ENOUGH)
    await sending
    await until(() => new SeqSet(edge.receipts.flatMap(({ ranges }) => ranges)).count === 60)
    expect(receiver.stats().open.most.messages).toBeLessThanOrEqual(8)
    expect(await sink.readings()).toBe(60)
  })
})

it('at least one message may be open, however large a batch may be, and never more than a link accepts', () => {
  expect(messagesOpenMax({ batchBytesMax: 1 })).toBe(MESSAGES_OPEN_MAX)
  expect(messagesOpenMax({ batchBytesMax: 1_048_576 })).toBe(64)
  expect(messagesOpenMax({ batchBytesMax: 10 * BYTES_OPEN_MAX })).toBe(1)
})
