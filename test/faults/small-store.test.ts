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
/** A sealed reading of 17 digits takes about so many bytes on the disk, and fewer the more there are. */
const READING_BYTES = 15
/** Messages of one round; with the store full its devices see that, or the store gives way. */
const ROUND = Math.ceil((STORE_BYTES / READING_BYTES / METRICS) * 0.4)
/** A store that gives way is filled until it has given up this share of what it took. */
const GIVEN_WAY = 0.2
const WINDOW = 100
const DEADLINE_MS = 60_000 + STORE_BYTES / 200
/** A device that is refused connects again after so long (ms). */
const RETRY_MS = 50
/** Refused for so long without one that is taken, a device sees that there is no room (ms). */
const REFUSED_MS = 3_000

const startedAt = Date.now()

function payload(message: number): string {
  const metrics = Array.from({ length: METRICS }, (_, i) => `"m${i}":${Math.sin(message * METRICS + i) * 1e3}`)
  return `{${metrics.join()},"ts":${startedAt + message}}`
}

/** Publishes messages in order until all are acknowledged, or none is taken for `REFUSED_MS`. @returns how many were. */
async function publish(port: number, first: number, last: number): Promise<number> {
  let acknowledged = first
  for (let since = performance.now(); acknowledged < last && performance.now() - since < REFUSED_MS; ) {
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
        // Acknowledgements come in the order of their messages: what is acknowledged is a beginning.
        if (cmd === 'puback') expect(messageId).toBe((acknowledged++ % 65_535) + 1)
        if (acknowledged === last) resolve()
        else if (sent - acknowledged < WINDOW / 2) fill()
      }
    })
    fill()
    await ended
    client.destroy()
    if (acknowledged > from) since = performance.now()
    await pause(RETRY_MS)
  }
  return acknowledged
}

interface Ended {
  readonly edge: SiteEdge
  readonly receiver: SiteReceiver
  /** Messages that devices tried to publish. */
  readonly published: number
  readonly acknowledged: number
  readonly whenAway: Record<'stored' | 'expired' | 'dropped' | 'thinned', number>
}

function accountOf(edge: SiteEdge): Ended['whenAway'] {
  const { stored, expired, dropped, thinned } = edge.read((reader) => reader.ledger()[0]!)
  return { stored, expired, dropped, thinned }
}

/** Fills the store with the cloud away for as long as it takes, lets the cloud come back, and waits until everything has left. */
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
    return dropped + thinned > stored * GIVEN_WAY
  }
  await until(isFull, {
    deadlineMs: DEADLINE_MS,
    what: 'publishes are not taken, and the status says so, or it gives way',
  })
  expect((await edge.status()).store.space.usedBytes).toBeLessThanOrEqual(STORE_BYTES)
  const whenAway = accountOf(edge)
  await startMosquitto({ port: cloudPort })
  const receiver = new SiteReceiver(url)
  await receiver.start()
  await edge.untilDrained(DEADLINE_MS)
  return { edge, receiver, published, acknowledged, whenAway }
}

/** Everything that the edge still has has arrived once, the ledger balances, and new readings are taken and arrive. */
async function expectAllWell({ edge, receiver, acknowledged }: Ended): Promise<void> {
  const arrived = receiver.count()
  const { confirmed } = edge.read((reader) => reader.ledger()[0]!).perUplink.cloud!
  expect(arrived).toBe(confirmed)
  expect(receiver.query('SELECT 1 FROM readings GROUP BY metric, ts HAVING count(*) > 1')).toEqual([])
  await until(async () => (await edge.status()).healthy, { what: 'the service is healthy again' })
  // A commit that failed, and was retried, may have been the last word of the refusal: new readings go in.
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

describePeer('mosquitto', 'a store that is full with the cloud away', () => {
  const timeout = DEADLINE_MS * 3
  it(
    'refuses: devices see it, nothing that was acknowledged is lost, and all is well when the cloud is back',
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
    'drops the oldest if it is told to, exactly as many as the ledger says',
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
    'thins if it is told to, exactly as much as the ledger says: the extremes arrive',
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
