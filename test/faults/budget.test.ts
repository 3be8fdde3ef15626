import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy } from '../../support/proxy.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const BYTES_PER_SECOND = 4_000
const METRICS = 200
/** Each reading takes about 9 bytes on the wire: with this budget the backlog needs several minutes. */
const BACKLOG_MESSAGES = 600
const LIVE_READINGS = 20
const startedAt = Date.now()

/** Full-precision numbers, which do not compress. */
function payload(message: number): string {
  const metrics = Array.from({ length: METRICS }, (_, i) => `"m${i}":${Math.sin(message * METRICS + i) * 1e3}`)
  return `{${metrics.join()},"ts":${startedAt + message}}`
}

async function publishBacklog(edge: SiteEdge): Promise<void> {
  const client = await RawClient.connect(edge.port, 'press')
  for (let i = 0; i < BACKLOG_MESSAGES; i++) {
    client.send(publishPacket('telemetry/press', payload(i), { qos: 1, messageId: i + 1 }))
  }
  await until(() => client.count('puback') === BACKLOG_MESSAGES, { what: 'the backlog is acknowledged' })
  client.destroy()
}

function receivedFrom(receiver: SiteReceiver, device: string): number {
  return receiver.query<{ n: number }>(`SELECT count(*) AS n FROM readings WHERE device = '${device}'`)[0]!.n
}

describePeer('mosquitto', 'a budget of 4,000 bytes per second', () => {
  it('lets new readings pass a backlog of minutes, both arrive, and every byte of the link is counted', async () => {
    const cloud = await startMosquitto()
    const link = await startProxy({ to: cloud.port })
    link.dial.refuse = true
    const budget = { bytesPerSecond: BYTES_PER_SECOND }
    const uplinks = [{ url: link.url, ...QUICK_UPLINK, confirmTimeoutMs: 60_000, budget }]
    const edge = await SiteEdge.create({ uplinks })
    const receiver = new SiteReceiver(cloud.url)
    await Promise.all([edge.start(), receiver.start()])
    await publishBacklog(edge)
    link.dial.refuse = false
    await until(() => receivedFrom(receiver, 'press') > 0, { what: 'the first readings of the backlog arrive' })

    const live = await RawClient.connect(edge.port, 'live')
    for (let sent = 1; sent <= LIVE_READINGS; sent++) {
      live.publish('telemetry/live', `{"n":${sent}}`, { qos: 1, messageId: sent })
      await until(() => receivedFrom(receiver, 'live') === sent, { what: `live reading ${sent} arrives` })
    }
    expect(receivedFrom(receiver, 'press')).toBeLessThan(BACKLOG_MESSAGES * METRICS)
    const before = receivedFrom(receiver, 'press')
    await until(() => receivedFrom(receiver, 'press') > before, { what: 'more of the backlog arrives' })
    const crossed = link.bytesUp + link.bytesDown
    const [uplink] = (await edge.status()).uplinks
    expect(uplink!.spent.dayBytes).toBeGreaterThanOrEqual(crossed * 0.9)
  }, 120_000)
})
