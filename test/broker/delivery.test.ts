import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const payloads = (client: RawClient): string[] =>
  client.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []))

describe('delivery to local subscribers', () => {
  it('does not lose a QoS 1 message that a QoS 0 message overtakes', async () => {
    const { port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber')
    await subscriber.subscribe('chat/#', 1)
    const publisher = await RawClient.connect(port, 'publisher')
    const packets = Array.from({ length: 200 }, (_, i) =>
      publishPacket(`chat/${i}`, `${i}`, i % 2 === 0 ? { qos: 1, messageId: i + 1 } : { qos: 0 }),
    )
    publisher.send(...packets)
    await until(() => subscriber.count('publish') === 200)
    const expected = packets.map((_, i) => `${i}`)
    expect(payloads(subscriber).toSorted()).toEqual(expected.toSorted())
  })

  it('keeps the order of retained and other QoS 1 messages and loses none', async () => {
    const { port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber')
    await subscriber.subscribe('chat/#', 1)
    const publisher = await RawClient.connect(port, 'publisher')
    const packets = Array.from({ length: 200 }, (_, i) =>
      publishPacket('chat/x', `${i}`, { qos: 1, messageId: i + 1, retain: i % 2 === 0 }),
    )
    publisher.send(...packets)
    await until(() => subscriber.count('publish') === 200)
    expect(payloads(subscriber)).toEqual(packets.map((_, i) => `${i}`))
  })

  it('delivers a reading only after it is on disk', async () => {
    const { intake, port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber')
    await subscriber.subscribe('telemetry/#', 0)
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.publish('telemetry/a/b', '1', { qos: 1, messageId: 1 })
    await until(() => intake.waiting === 1)
    await subscriber.ping()
    expect(subscriber.count('publish')).toBe(0)
    intake.settle()
    expect(await subscriber.next('publish')).toMatchObject({ topic: 'telemetry/a/b' })
  })

  it('delivers a retained message to a later subscriber until an empty payload removes it', async () => {
    const { port } = await startBroker()
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.publish('state/a', 'on', { qos: 1, messageId: 1, retain: true })
    await publisher.next('puback')
    const first = await RawClient.connect(port, 'first')
    await first.subscribe('state/+', 1)
    expect(await first.next('publish')).toMatchObject({ topic: 'state/a', retain: true })
    publisher.publish('state/a', '', { qos: 1, messageId: 2, retain: true })
    await publisher.next('puback')
    const second = await RawClient.connect(port, 'second')
    await second.subscribe('state/+', 1)
    await second.ping()
    expect(second.count('publish')).toBe(0)
  })

  it('keeps missed messages for a persistent session up to the limit, and counts the dropped rest', async () => {
    const { broker, port } = await startBroker({ sessionQueueMax: 5 })
    const before = await RawClient.connect(port, 'subscriber', { clean: false })
    await before.subscribe('chat/#', 1)
    before.destroy()
    await until(() => broker.stats().connections === 0)
    const publisher = await RawClient.connect(port, 'publisher')
    for (let i = 1; i <= 8; i++) publisher.publish('chat/x', `${i}`, { qos: 1, messageId: i })
    await until(() => publisher.count('puback') === 8)
    await until(() => broker.stats().dropped === 3)
    const after = await RawClient.connect(port, 'subscriber', { clean: false })
    await until(() => after.count('publish') === 5)
    expect(payloads(after)).toEqual(['1', '2', '3', '4', '5'])
    after.acknowledge()
    await after.ping()
    publisher.publish('chat/x', '9', { qos: 1, messageId: 9 })
    await until(() => after.count('publish') === 6)
  })

  it('disconnects a subscriber that does not read, without delaying the others', async () => {
    const { broker, port } = await startBroker({ slowSubscriberBytesMax: 4_000_000 })
    const slow = await RawClient.connect(port, 'slow')
    await slow.subscribe('bulk/#', 0)
    slow.pauseReading()
    const quick = await RawClient.connect(port, 'quick')
    await quick.subscribe('bulk/#', 0)
    const publisher = await RawClient.connect(port, 'publisher')
    const payload = Buffer.alloc(100_000, 'x')
    // 1 MB at a time: a subscriber that reads is never further behind, however busy the machine is.
    for (let sent = 10; sent <= 200; sent += 10) {
      for (let i = 0; i < 10; i++) publisher.publish('bulk/x', payload, { qos: 0 })
      await until(() => quick.count('publish') === sent, { deadlineMs: 20_000, what: 'the quick subscriber gets all' })
    }
    await until(() => broker.stats().connections === 2, {
      deadlineMs: 20_000,
      what: 'the slow subscriber is disconnected',
    })
  })

  it('closes the old connection when a client connects again with the same id', async () => {
    const { port } = await startBroker()
    const old = await RawClient.connect(port, 'a')
    const young = await RawClient.connect(port, 'a')
    await until(() => old.closed)
    await young.ping()
  })
})
