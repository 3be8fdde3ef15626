import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Batch } from '../../src/codec/batch.ts'
import type { Delivery, Sink, StoreResult } from '../../src/receiver/sink.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { runTidegate } from '../../support/process.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startReceiving } from '../receiver/scene.ts'

const METRICS = 500
const MESSAGES = 200
const REFUSED_VALUE = 'bad'

/** A real sink that can refuse a certain value. */
class PickySink implements Sink {
  picky = true
  readonly #sink: Sink

  constructor(sink: Sink) {
    this.#sink = sink
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> {
    const results: StoreResult[] = []
    for (const delivery of deliveries) {
      const isRefused = this.picky && delivery.kind === 'batch' && hasRefusedValue(delivery.batch)
      const reason = 'this value cannot be kept here'
      results.push(
        ...(isRefused ? [{ kind: 'refused', reason } as const] : await this.#sink.store([delivery], receivedAt)),
      )
    }
    return results
  }

  close(): Promise<void> | void {
    return this.#sink.close()
  }
}

function hasRefusedValue({ series }: Batch): boolean {
  return series.some(({ values }) => values.includes(REFUSED_VALUE))
}

/**
 * Publishes the messages one after the other, all readings of each at once, and waits for the last acknowledgement.
 */
async function publish(edge: SiteEdge, payloads: readonly string[]): Promise<void> {
  const client = await RawClient.connect(edge.port, 'press')
  const packets = payloads.map((payload, i) =>
    publishPacket('telemetry/press', payload, { qos: 1, messageId: i + 1, dup: false }),
  )
  client.send(...packets)
  await until(() => client.received.filter(({ cmd }) => cmd === 'puback').length === payloads.length)
  client.destroy()
}

const startedAt = Date.now()

/** The messages of a shift; the receiver refuses one of the readings. */
function shift(): string[] {
  return Array.from({ length: MESSAGES }, (_, message) => {
    const values = Array.from({ length: METRICS }, (_, i) => {
      const isRefused = message === 137 && i === 42
      return `"m${i}":${isRefused ? `"${REFUSED_VALUE}"` : message * METRICS + i}`
    })
    return `{${values.join()},"ts":${startedAt + message}}`
  })
}

async function rejectsOf(edge: SiteEdge): Promise<Record<string, unknown>[]> {
  const { stdout } = await runTidegate(['rejects', 'list', '--data', edge.folder, '--json'])
  return JSON.parse(stdout).data ?? JSON.parse(stdout)
}

describePeer('mosquitto', 'one reading among 100,000 that the receiver refuses', () => {
  it('is parked with the reason while 99,999 arrive; when it is replayed, it arrives once the receiver accepts it', async () => {
    const cloud = await startMosquitto()
    const folder = tempFolder()
    const sqlite = SqliteSink.open(folder)
    const sink = new PickySink(sqlite)
    await startReceiving(cloud.url, sink)
    const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
    await edge.start()
    await publish(edge, shift())
    await edge.untilDrained(60_000)
    const [parked, ...others] = await rejectsOf(edge)
    expect(others).toEqual([])
    expect(parked).toMatchObject({ uplink: 'cloud', device: 'press', metric: 'm42', value: REFUSED_VALUE })
    expect(parked!.reason).toContain('this value cannot be kept here')
    const received = new Received(folder)
    expect(received.account()).toEqual({ rows: 99_999, positions: 99_999 })
    expect(edge.ledgerProblems()).toEqual([])
    expect((await edge.status()).problems.join()).toContain('tidegate rejects list')

    const replay = (): Promise<unknown> => runTidegate(['rejects', 'replay', String(parked!.id), '--data', edge.folder])
    await replay()
    await until(
      async () => Date.parse(String((await rejectsOf(edge))[0]!.parkedAt)) > Date.parse(String(parked!.parkedAt)),
    )
    expect(received.account().rows).toBe(99_999)
    sink.picky = false
    await replay()
    await until(async () => (await rejectsOf(edge)).length === 0, { what: 'nothing is parked any more' })
    expect(received.account()).toEqual({ rows: 100_000, positions: 100_000 })
    expect(received.refusedRows()).toBe(1)
    await until(async () => (await edge.status()).healthy)
    expect(edge.ledgerProblems()).toEqual([])
  }, 120_000)
})

/** The content of the database of a receiver that runs in this process. */
class Received {
  readonly #receiver: SiteReceiver

  constructor(folder: string) {
    this.#receiver = new SiteReceiver('mqtt://127.0.0.1:1', { data: folder })
  }

  account(): { rows: number; positions: number } {
    const sql = 'SELECT count(*) AS rows, count(DISTINCT seq) AS positions FROM readings'
    return this.#receiver.query<{ rows: number; positions: number }>(sql)[0]!
  }

  refusedRows(): number {
    return this.#receiver.query<{ n: number }>(
      `SELECT count(*) AS n FROM readings WHERE value = '${REFUSED_VALUE}'`,
    )[0]!.n
  }
}

describePeer('mosquitto', 'a single reading that exceeds a size limit', () => {
  it.each(['the broker', 'the receiver'] as const)(
    'of %s is parked, and the others arrive; drop makes it a loss that the ledger records',
    async (who) => {
      const config = who === 'the broker' ? 'max_packet_size 2000' : ''
      const cloud = await startMosquitto({ config })
      const receiver = new SiteReceiver(cloud.url, who === 'the receiver' ? { batchBytesMax: 2_000 } : {})
      const edge = await SiteEdge.create({
        uplinks: [{ url: cloud.url, ...QUICK_UPLINK, batchBytesMax: 1_500 }],
      })
      await Promise.all([edge.start(), receiver.start()])
      const large = randomBytes(3_000).toString('base64')
      await publish(
        edge,
        [1, `"${large}"`, 2, 3].map((value, i) => `{"a":${value},"ts":${startedAt + i}}`),
      )
      await edge.untilDrained(30_000)
      expect(receiver.readings().map(({ value }) => value)).toEqual([1, 2, 3])
      const [parked] = await rejectsOf(edge)
      expect([parked!.uplink, parked!.value === large]).toEqual(['cloud', true])
      expect(edge.ledgerProblems()).toEqual([])
      await runTidegate(['rejects', 'drop', String(parked!.id), '--data', edge.folder])
      await until(async () => (await rejectsOf(edge)).length === 0)
      const [account] = edge.read((reader) => reader.ledger())
      expect(account!.perUplink.cloud).toEqual({ confirmed: 3, waiting: 0, parked: 0, dropped: 1 })
    },
    60_000,
  )
})
