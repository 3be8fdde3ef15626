import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import type { StoreSettings } from '../../src/settings/edge.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

/** `store.maxBytes`; 64 MiB and more take minutes: TEST_STORE_BYTES=67108864. */
const STORE_BYTES = Number(process.env.TEST_STORE_BYTES ?? 1_310_720)
const METRICS = 50
/** A sealed reading of 17 digits takes about this many bytes on the disk, and fewer the more there are. */
const READING_BYTES = 15
/** The messages of one round: enough to fill the store, so that devices are refused or the store drops or thins. */
const ROUND = Math.ceil((STORE_BYTES / READING_BYTES / METRICS) * 0.4)
/** A store that drops or thins is filled until it has removed this share of the stored readings. */
const REMOVED_SHARE = 0.2
const WINDOW = 100
const DEADLINE_MS = 60_000 + STORE_BYTES / 200
/** A refused device connects again after this time (ms). */
const RETRY_MS = 50
/** After this number of connections in a row without an accepted publish, the device assumes that the store is full. */
const REFUSED_MAX = 40

const startedAt = Date.now()

function payload(message: number): string {
  const metrics = Array.from({ length: METRICS }, (_, i) => `"m${i}":${Math.sin(message * METRICS + i) * 1e3}`)
  return `{${metrics.join()},"ts":${startedAt + message}}`
}

/**
 * Publishes messages in order until all are acknowledged, or none is on `REFUSED_MAX` connections in a row. @returns the
 * first not acknowledged.
 */
async function publish(port: number, first: number, last: number): Promise<number> {
  let acknowledged = first
  for (let refused = 0; acknowledged < last && refused < REFUSED_MAX; ) {
    const from = acknowledged
    const client = await RawClient.connect(port, 'press')
    let sent = acknowledged
    const fill = (): void => {
      const packets = []
      while (sent < last && sent - acknowledged < WINDOW) {
        const messageId = (sent % 65_535) + 1
        packets.push(publishPacket('telemetry/press', payload(sent++), { qos: 1, messageId, dup: false }))
      }
      if (packets.length > 0) client.send(...packets)
    }
    const ended = new Promise<void>((resolve) => {
      client.onClosed = resolve
      client.onPacket = ({ cmd, messageId }) => {
        client.received.length = 0
        // Acknowledgements arrive in the order of the messages: the acknowledged ones are a prefix.
        if (cmd === 'puback') expect(messageId).toBe((acknowledged++ % 65_535) + 1)
        if (acknowledged === last) resolve()
        else if (sent - acknowledged < WINDOW / 2) fill()
      }
    })
    fill()
    await ended
    client.destroy()
    refused = acknowledged > from ? 0 : refused + 1
    await pause(RETRY_MS)
  }
  return acknowledged
}

interface Ended {
  readonly edge: SiteEdge
  readonly receiver: SiteReceiver
  /** The number of messages that devices tried to publish. */
  readonly published: number
  readonly acknowledged: number
  readonly whenAway: Record<'stored' | 'expired' | 'dropped' | 'thinned', number>
}

function accountOf(edge: SiteEdge): Ended['whenAway'] {
  const { stored, expired, dropped, thinned } = edge.read((reader) => reader.ledger()[0]!)
  return { stored, expired, dropped, thinned }
}

/** Fills the store while the cloud is away, starts the cloud, and waits until everything was sent and confirmed. */
async function outage(whenFull: StoreSettings['whenFull']): Promise<Ended> {
  const cloudPort = await freePort()
  const url = `mqtt://127.0.0.1:${cloudPort}`
  const retention = [{ match: '*/*', thinS: 1 }]
  const edge = await SiteEdge.create({
    uplinks: [{ url, ...QUICK_UPLINK }],
    store: { maxBytes: STORE_BYTES, whenFull, retention },
  })
  await edge.start()
  let published = 0
  let acknowledged = 0
  const isFull = async (): Promise<boolean> => {
    if (acknowledged === published) published += ROUND
    acknowledged = await publish(edge.port, acknowledged, published)
    if (acknowledged < published) return (await edge.status()).problems.join().includes('not acknowledged')
    const { stored, dropped, thinned } = accountOf(edge)
    return dropped + thinned > stored * REMOVED_SHARE
  }
  await until(isFull, {
    deadlineMs: DEADLINE_MS,
    what: 'the store is full, or has removed readings',
  })
  expect((await edge.status()).store.space.usedBytes).toBeLessThanOrEqual(STORE_BYTES)
  const whenAway = accountOf(edge)
  await startMosquitto({ port: cloudPort })
  const receiver = new SiteReceiver(url)
  await receiver.start()
  await edge.untilDrained(DEADLINE_MS)
  return { edge, receiver, published, acknowledged, whenAway }
}

/**
 * Expects that every remaining reading has arrived once, that the ledger balances, and that new readings are stored
 * and arrive.
 */
async function expectAllWell({ edge, receiver, acknowledged }: Ended): Promise<void> {
  const arrived = receiver.count()
  const { confirmed } = edge.read((reader) => reader.ledger()[0]!).perUplink.cloud!
  expect(arrived).toBe(confirmed)
  expect(receiver.query('SELECT 1 FROM readings GROUP BY metric, ts HAVING count(*) > 1')).toEqual([])
  await until(async () => (await edge.status()).healthy, { what: 'the service is healthy again' })
  // The refusal may have ended with a commit that failed and was retried: new readings are accepted.
  await until(async () => (await publish(edge.port, acknowledged, acknowledged + 20)) === acknowledged + 20, {
    deadlineMs: DEADLINE_MS,
    what: 'publishes are taken again',
  })
  await edge.untilDrained()
  expect(receiver.count()).toBe(arrived + 20 * METRICS)
  expect(edge.ledgerProblems()).toEqual([])
  expect(statSync(join(edge.folder, 'tidegate.db')).size).toBeLessThanOrEqual(STORE_BYTES)
  expect(await edge.stop()).toBe(0)
}

describePeer('mosquitto', 'a store that is full while the cloud is away', () => {
  const timeout = DEADLINE_MS * 3
  it(
    'refuses by default: devices notice it, no acknowledged reading is lost, and all is well when the cloud is back',
    async () => {
      const ended = await outage('refuse')
      expect(ended.acknowledged).toBeLessThan(ended.published)
      expect(ended.whenAway).toEqual({ stored: ended.acknowledged * METRICS, expired: 0, dropped: 0, thinned: 0 })
      expect(ended.receiver.count()).toBe(ended.acknowledged * METRICS)
      await expectAllWell(ended)
    },
    timeout,
  )

  it(
    'drops the oldest readings if the settings say so, exactly as many as the ledger says',
    async () => {
      const ended = await outage('drop-oldest')
      const { stored, dropped, expired, thinned } = ended.whenAway
      expect(ended.acknowledged).toBe(ended.published)
      expect([stored, expired, thinned]).toEqual([ended.published * METRICS, 0, 0])
      expect(dropped).toBeGreaterThan(0)
      expect(ended.receiver.count()).toBe(stored - accountOf(ended.edge).dropped)
      const [oldest] = ended.receiver.query<{ ts: number }>('SELECT min(ts) AS ts FROM readings')
      expect(oldest!.ts).toBeGreaterThan(startedAt + ended.published / 20)
      await expectAllWell(ended)
    },
    timeout,
  )

  it(
    'thins if the settings say so, exactly as much as the ledger says, and the extremes arrive',
    async () => {
      const ended = await outage('thin')
      const { stored, dropped, expired, thinned } = ended.whenAway
      expect(ended.acknowledged).toBe(ended.published)
      expect([stored, expired, dropped]).toEqual([ended.published * METRICS, 0, 0])
      expect(thinned).toBeGreaterThan(0)
      expect(ended.receiver.count()).toBe(stored - accountOf(ended.edge).thinned)
      await expectAllWell(ended)
    },
    timeout,
  )
})
