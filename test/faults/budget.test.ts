import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const BYTES_PER_SECOND = 20_000
const WINDOW_MS = 5_000
const POLL_MS = 50
const METRICS = 200
/** About 9 bytes each on the wire: far more than what leaves while the test looks. */
const BACKLOG_MESSAGES = 150
const startedAt = Date.now()

/** Full-precision numbers, which do not compress. */
function payload(message: number): string {
  const metrics = Array.from({ length: METRICS }, (_, i) => `"m${i}":${Math.sin(message * METRICS + i) * 1e3}`)
  return `{${metrics.join()},"ts":${startedAt + message}}`
}

async function publishBacklog(edge: SiteEdge): Promise<void> {
  const client = await RawClient.connect(edge.port, 'press')
  for (let i = 0; i < BACKLOG_MESSAGES; i++) {
    client.send(publishPacket('telemetry/press', payload(i), { qos: 1, messageId: i + 1, dup: false }))
  }
  await until(() => client.received.filter(({ cmd }) => cmd === 'puback').length === BACKLOG_MESSAGES)
  client.destroy()
}

/** Bytes of both ways that have crossed the link, over time. */
class Meter {
  readonly samples: { readonly at: number; readonly bytes: number }[] = []
  readonly #link: TcpProxy

  constructor(link: TcpProxy) {
    this.#link = link
  }

  look(): void {
    this.samples.push({ at: performance.now(), bytes: this.#link.bytesUp + this.#link.bytesDown })
  }

  /** The most that crossed within so long. */
  most(ms: number): number {
    return Math.max(
      ...this.samples.map(({ at, bytes }) => {
        const later = this.samples.findLast((one) => one.at <= at + ms)!
        return later.bytes - bytes
      }),
    )
  }
}

describePeer('mosquitto', 'a budget of 20,000 bytes a second', () => {
  it('is never exceeded over any 5 seconds, both ways together, and new readings go first', async () => {
    const cloud = await startMosquitto()
    const link = await startProxy({ to: cloud.port })
    link.dial.refuse = true
    const budget = { bytesPerSecond: BYTES_PER_SECOND }
    const uplinks = [{ url: link.url, ...QUICK_UPLINK, confirmTimeoutMs: 10_000, budget }]
    const edge = await SiteEdge.create({ uplinks })
    const receiver = new SiteReceiver(cloud.url)
    await Promise.all([edge.start(), receiver.start()])
    await publishBacklog(edge)

    const live = await RawClient.connect(edge.port, 'live')
    const meter = new Meter(link)
    link.dial.refuse = false
    const since = performance.now()
    for (let sent = 0; performance.now() - since < 1.4 * WINDOW_MS; ) {
      meter.look()
      if (performance.now() - since > sent * 500) {
        live.send(publishPacket('telemetry/live', `{"n":${sent++}}`, { qos: 1, messageId: sent, dup: false }))
      }
      await pause(POLL_MS)
    }
    live.destroy()
    expect(meter.most(WINDOW_MS)).toBeLessThanOrEqual(BYTES_PER_SECOND * (WINDOW_MS / 1_000))
    expect(meter.most(WINDOW_MS)).toBeGreaterThan(BYTES_PER_SECOND * (WINDOW_MS / 1_000) * 0.5)
    const [{ fresh, old } = { fresh: 0, old: 0 }] = receiver.query<{ fresh: number; old: number }>(
      `SELECT count(*) FILTER (WHERE device = 'live') AS fresh, count(*) FILTER (WHERE device = 'press') AS old FROM readings`,
    )
    expect(fresh).toBeGreaterThanOrEqual(10)
    expect(old).toBeGreaterThan(0)
    expect(old).toBeLessThan(BACKLOG_MESSAGES * METRICS)
    const [uplink] = (await edge.status()).uplinks
    expect(uplink!.spent.dayBytes).toBeGreaterThanOrEqual(meter.samples.at(-1)!.bytes * 0.9)
  }, 60_000)
})
