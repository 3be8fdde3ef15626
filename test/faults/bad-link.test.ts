import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce } from './scene.ts'

const CONFIRM_TIMEOUT_MS = 1_000
/** The default of the setting. */
const USUAL_TIMEOUT_MS = 15_000
/** Longer than any test. */
const ENDLESS_MS = 600_000
/** Each way, as over a satellite. */
const LATENCY_MS = 300
const CUT_EVERY_MS = 1_000

async function startBehindProxy(
  uplink: object = {},
): Promise<{ proxy: TcpProxy; edge: SiteEdge; receiver: SiteReceiver }> {
  const cloud = await startMosquitto()
  const proxy = await startProxy({ to: cloud.port })
  const receiver = new SiteReceiver(cloud.url)
  const timeouts = { confirmTimeoutMs: CONFIRM_TIMEOUT_MS, connectTimeoutMs: CONFIRM_TIMEOUT_MS }
  const edge = await SiteEdge.create({ uplinks: [{ url: proxy.url, ...QUICK_UPLINK, ...timeouts, ...uplink }] })
  await Promise.all([receiver.start(), edge.start()])
  await until(async () => (await edge.status()).uplinks[0]!.connected, { what: 'the edge is connected to the cloud' })
  return { proxy, edge, receiver }
}

/** Publishes 0 … count - 1 as one device; resolves when all of them are acknowledged. */
const publishAll = (edge: SiteEdge, name: string, count: number): Promise<void> =>
  startDevice({ port: edge.port, name, qos: 1, count, timed: true }).finished

describePeer('mosquitto', 'a frozen link: it loses all bytes, and stays open', () => {
  it('is given up after the confirm timeout, is reported, and when it works again everything arrives once', async () => {
    const { proxy, edge, receiver } = await startBehindProxy()
    await publishAll(edge, 'before', 100)
    await edge.untilDrained()

    proxy.dial.freeze = true
    const { opened } = proxy
    await publishAll(edge, 'meanwhile', 100)
    const waiting = await until(
      async () => {
        const { uplinks } = await edge.status()
        return uplinks[0]!.connected ? undefined : uplinks[0]
      },
      { what: 'the frozen link is given up' },
    )
    expect(waiting.lastFailure).toEqual(expect.any(String))
    await until(() => proxy.opened > opened + 1, { what: 'new connections are tried, and given up too' })
    expect(edge.waiting()).toBe(100)

    proxy.dial.freeze = false
    await edge.untilDrained()
    expect(accountOf(receiver, 'before')).toEqual(eachOnce(100))
    expect(accountOf(receiver, 'meanwhile')).toEqual(eachOnce(100))
    expect((await edge.status()).uplinks[0]!.lastFailure).toBeUndefined()
    expect(edge.ledgerProblems()).toEqual([])
  })

  it.each(['while readings wait for their receipts', 'while it is being connected'])(
    'does not prevent a clean stop of the edge: %s',
    async (moment) => {
      const { proxy, edge } = await startBehindProxy({ confirmTimeoutMs: ENDLESS_MS, connectTimeoutMs: ENDLESS_MS })
      const { opened } = proxy
      // A confirmed reading shows that the subscriptions of the uplink are in place, so that it sends over the frozen link.
      await publishAll(edge, 'before', 1)
      await edge.untilDrained()
      proxy.dial.freeze = true
      await publishAll(edge, 'pump', 100)
      await until(async () => (await edge.status()).uplinks[0]!.inFlight > 0, { what: 'readings are in flight' })
      if (moment === 'while it is being connected') {
        proxy.cut()
        await until(() => proxy.opened > opened, { what: 'the edge tries again' })
      }
      edge.process.kill('SIGTERM')
      await until(() => edge.process.ended, { what: 'the edge ends' })
      expect(await edge.process.exit).toBe(0)
      expect(edge.stored()).toBe(101)
    },
  )
})

describePeer('mosquitto', 'a slow link', () => {
  it('with 300 ms each way needs only one connection while readings are sent', async () => {
    const { proxy, edge, receiver } = await startBehindProxy({
      confirmTimeoutMs: USUAL_TIMEOUT_MS,
      batchReadingsMax: 200,
    })
    proxy.dial.latencyMs = LATENCY_MS
    await publishAll(edge, 'pump', 1_500)
    await edge.untilDrained()
    expect(proxy.opened).toBe(1)
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(1_500))
  })
})

describePeer('mosquitto', 'a link that is cut every second', () => {
  it('still delivers everything once', async () => {
    const { proxy, edge, receiver } = await startBehindProxy({
      batchReadingsMax: 50,
      confirmTimeoutMs: USUAL_TIMEOUT_MS,
    })
    proxy.dial.latencyMs = 20
    let cuts = 0
    const timer = setInterval(() => {
      cuts++
      proxy.cut()
    }, CUT_EVERY_MS)
    onStop(() => clearInterval(timer))
    await publishAll(edge, 'pump', 5_000)
    await until(() => cuts >= 3, { what: 'three cuts' })
    await edge.untilDrained()
    clearInterval(timer)
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(5_000))
    expect(edge.ledgerProblems()).toEqual([])
  }, 60_000)
})
