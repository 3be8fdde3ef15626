import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { Broker } from '../../src/broker/broker.ts'
import { noIntake } from '../../src/broker/intake.ts'
import { decodeBatch } from '../../src/codec/batch.ts'
import { edgeSettings } from '../../src/settings/edge.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { startProxy } from '../../support/proxy.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce } from './scene.ts'

const COUNT = 200
const LIMITS = { readingsMax: 100_000, bytesMax: 10_000_000 }

const publishAll = (edge: SiteEdge): Promise<void> =>
  startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished

/** The positions of all readings in the batches that a plain subscriber received. */
function positionsIn(subscriber: RawClient): number[] {
  return subscriber.received.flatMap((packet) => {
    if (packet.cmd !== 'publish' || !packet.topic.includes('/up/')) return []
    const decoded = decodeBatch(packet.payload as Buffer, LIMITS)
    if (!decoded.ok) throw new Error(decoded.reason)
    return decoded.batch.series.flatMap(({ seq }) => [...seq])
  })
}

describePeer('mosquitto', 'a cloud broker that refuses connections', () => {
  it('is retried, with the reason in the status, until it accepts the connection', async () => {
    const cloud = await startMosquitto()
    const proxy = await startProxy({ to: cloud.port })
    proxy.dial.refuse = true
    const receiver = new SiteReceiver(cloud.url)
    const edge = await SiteEdge.create({ uplinks: [{ url: proxy.url, ...QUICK_UPLINK }] })
    await Promise.all([receiver.start(), edge.start()])
    await publishAll(edge)
    await until(() => proxy.opened >= 3, { what: 'three attempts' })
    const [uplink] = (await edge.status()).uplinks
    expect(uplink).toMatchObject({ connected: false, lastFailure: expect.any(String), confirmedReadings: 0 })
    proxy.dial.refuse = false
    await edge.untilDrained()
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
  })
})

describePeer('mosquitto', 'a cloud without a receiver (confirm: puback)', () => {
  it('confirms nothing without a subscriber, and gets everything once there is one', async () => {
    const cloud = await startMosquitto()
    const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK, confirm: 'puback' }] })
    await edge.start()
    await publishAll(edge)
    await until(async () => (await edge.status()).uplinks[0]!.silence?.includes('no subscriber'))
    expect(edge.waiting()).toBe(COUNT)
    expect((await edge.status()).uplinks[0]).toMatchObject({ connected: true, confirmedReadings: 0 })

    const subscriber = await RawClient.connect(cloud.port, 'subscriber')
    await subscriber.subscribe('tidegate/+/up/#', 0)
    await edge.untilDrained()
    await subscriber.ping()
    expect([...new Set(positionsIn(subscriber))].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: COUNT }, (_, i) => i + 1),
    )
    expect(edge.ledgerProblems()).toEqual([])
  })
})

describePeer('mosquitto', 'a cloud broker with a packet limit of 20,000 bytes', () => {
  it('gets a backlog whose batches would be larger, completely and without a broken connection', async () => {
    const port = await freePort()
    const url = `mqtt://127.0.0.1:${port}`
    const receiver = new SiteReceiver(url)
    const edge = await SiteEdge.create({ uplinks: [{ url, ...QUICK_UPLINK }] })
    await edge.start()
    const values = Array.from({ length: 500 }, () => randomBytes(100).toString('base64'))
    const device = await RawClient.connect(edge.port, 'pump')
    device.send(
      ...values.map((value, i) => publishPacket('telemetry/pump/n', `"${value}"`, { qos: 1, messageId: i + 1 })),
    )
    await edge.untilStored(values.length)

    await startMosquitto({ port, config: 'max_packet_size 20000' })
    await receiver.start()
    await edge.untilDrained()
    expect(receiver.readings().map(({ value }) => value)).toEqual(values)
    expect((await edge.status()).uplinks[0]).toMatchObject({ failures: 0, confirmedReadings: values.length })
    expect(edge.ledgerProblems()).toEqual([])
  })
})

describe('a cloud broker that speaks MQTT 3.1.1 only', () => {
  it('is used with MQTT 3.1.1, and everything arrives once', async () => {
    const { broker: settings } = edgeSettings.parse({ edge: 'cloud', broker: { tcp: { host: '127.0.0.1', port: 0 } } })
    const cloud = await Broker.start(settings, { intake: noIntake, incoming: [], log: silentLog })
    onStop(() => cloud.stop())
    const url = `mqtt://127.0.0.1:${cloud.address.port}`
    const receiver = new SiteReceiver(url)
    const edge = await SiteEdge.create({ uplinks: [{ url, ...QUICK_UPLINK }] })
    await Promise.all([receiver.start(), edge.start()])
    await publishAll(edge)
    await edge.untilDrained()
    expect((await edge.status()).uplinks[0]).toMatchObject({ connected: true, protocolVersion: 4 })
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
