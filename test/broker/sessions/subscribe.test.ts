import type { Packet } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../../support/raw-client.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

const payloads = (client: RawClient): string[] =>
  client.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []))

const topics = (count: number, prefix = 'x'): string[] => Array.from({ length: count }, (_, i) => `${prefix}/${i}/+`)

function subscribe(client: RawClient, filters: readonly string[], qos: 0 | 1 | 2 = 1, messageId = 1): void {
  client.send({ cmd: 'subscribe', messageId, subscriptions: filters.map((topic) => ({ topic, qos })) } as Packet)
}

/** Pings again with every answer, until `isDone`. @returns how many were answered */
async function pingsUntil(client: RawClient, isDone: () => boolean): Promise<number> {
  let answered = 0
  client.onPacket = ({ cmd }) => {
    if (cmd !== 'pingresp') return
    answered++
    if (!isDone()) client.send({ cmd: 'pingreq' })
  }
  client.send({ cmd: 'pingreq' })
  await until(isDone, { what: 'the work is done' })
  client.onPacket = () => undefined
  return answered
}

/** Answers a long packet must leave room for. Without slices there are one or two. */
const ANSWERS_MIN = 10

describe('a SUBSCRIBE with many filters', () => {
  it.each([true, false])('is granted, while other clients are served (clean session %s)', async (clean) => {
    const { port } = await startBroker()
    const many = await RawClient.connect(port, 'many', { clean })
    const other = await RawClient.connect(port, 'other')
    subscribe(many, topics(10_000))
    expect(await pingsUntil(other, () => many.count('suback') === 1)).toBeGreaterThanOrEqual(ANSWERS_MIN)
    const { granted } = (await many.next('suback')) as { granted: readonly number[] }
    expect(granted).toEqual(Array.from({ length: 10_000 }, () => 1))
    other.publish('x/9999/y', 'hello', { qos: 1, messageId: 1 })
    expect(await many.next('publish')).toMatchObject({ topic: 'x/9999/y', qos: 1 })
  })

  it('is done before the packets behind it', async () => {
    const { port } = await startBroker()
    const many = await RawClient.connect(port, 'many')
    many.send(
      { cmd: 'subscribe', messageId: 1, subscriptions: topics(3_000).map((topic) => ({ topic, qos: 1 })) } as Packet,
      { cmd: 'unsubscribe', messageId: 2, unsubscriptions: topics(2_000) } as Packet,
      publishPacket('x/1/y', 'unsubscribed', { qos: 1, messageId: 3 }),
      publishPacket('x/2500/y', 'subscribed', { qos: 1, messageId: 4 }),
    )
    await many.next('publish')
    await many.ping()
    expect(many.received.map(({ cmd }) => cmd)).toEqual(['suback', 'unsuback', 'puback', 'puback'])
  })

  it('may come with the CONNECT, as may the packets behind it', async () => {
    const { port } = await startBroker()
    const client = await RawClient.open(port)
    const connect = { cmd: 'connect', clientId: 'a', clean: true, keepalive: 0, protocolVersion: 4, protocolId: 'MQTT' }
    const own = Array.from({ length: 300 }, (_, i) => publishPacket('x/250/y', `${i}`, { qos: 0 }))
    client.send(
      connect as Packet,
      { cmd: 'subscribe', messageId: 1, subscriptions: topics(300).map((topic) => ({ topic, qos: 0 })) } as Packet,
      { cmd: 'unsubscribe', messageId: 2, unsubscriptions: topics(200) } as Packet,
      ...own,
      publishPacket('x/1/y', 'unsubscribed', { qos: 0 }),
      { cmd: 'pingreq' },
    )
    await client.next('pingresp')
    expect(client.received.slice(0, 3).map(({ cmd }) => cmd)).toEqual(['connack', 'suback', 'unsuback'])
    expect(payloads(client)).toEqual(own.map((_, i) => `${i}`))
  })

  it('is restored with its session, and unsubscribed, while other clients are served', async () => {
    const { broker, port } = await startBroker()
    const before = await RawClient.connect(port, 'many', { clean: false })
    subscribe(before, topics(10_000))
    await before.next('suback')
    before.destroy()
    await until(() => broker.stats().sessions.absent === 1)
    const other = await RawClient.connect(port, 'other')
    const after = await RawClient.connect(port, 'many', { clean: false })
    other.publish('x/5000/y', 'hello', { qos: 1, messageId: 1 })
    expect(await after.next('publish')).toMatchObject({ topic: 'x/5000/y' })
    after.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: topics(10_000) } as Packet)
    expect(await pingsUntil(other, () => after.count('unsuback') === 1)).toBeGreaterThanOrEqual(ANSWERS_MIN)
    expect(broker.stats().sessions.filters).toBe(0)
  })

  it('gets 0x80 for the filters beyond the limit of a client', async () => {
    const { broker, port } = await startBroker({ filtersPerClientMax: 300 })
    for (const clean of [true, false]) {
      const client = await RawClient.connect(port, `client-${clean}`, { clean })
      subscribe(client, topics(400))
      const { granted } = (await client.next('suback')) as { granted: readonly number[] }
      expect([granted.filter((one) => one === 1).length, granted.filter((one) => one === 128).length]).toEqual([
        300, 100,
      ])
      client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['x/0/+'] } as Packet)
      await client.next('unsuback')
      expect(await client.subscribe('y', 0, 3)).toEqual([0])
      expect(await client.subscribe('z', 0, 4)).toEqual([128])
      client.destroy()
    }
    await until(() => broker.stats().sessions.filters === 300, {
      what: 'the filters of the clean session are given back',
    })
    expect(broker.stats().sessions.filtersRefused.count).toBe(202)
  })

  it('closes the connection when one packet has more filters than are parsed in one go', async () => {
    const { port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    subscribe(client, topics(10_001))
    await until(() => client.closed)
    const other = await RawClient.connect(port, 'b')
    other.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: topics(10_001) } as Packet)
    await until(() => other.closed)
  })
})

describe('a SUBSCRIBE with a malformed filter', () => {
  it('closes the connection and leaves no trace in the session', async () => {
    const { broker, port } = await startBroker()
    const bad = [...topics(300), 'a#']
    for (const filters of [['good', 'a#'], ['good', Array(101).fill('a').join('/')], bad]) {
      const client = await RawClient.connect(port, 'a', { clean: false })
      subscribe(client, filters)
      await until(() => client.closed)
    }
    const again = await RawClient.connect(port, 'a', { clean: false })
    await again.ping()
    expect(broker.stats().sessions.filters).toBe(0)
  })
})

describe('retained messages', () => {
  it('are found for many filters, each once, while other clients are served', async () => {
    const { port } = await startBroker()
    const publisher = await RawClient.connect(port, 'publisher')
    for (let i = 0; i < 4_000; i++) publisher.publish(`x/${i}/y`, `${i}`, { qos: 0, retain: true })
    await publisher.ping()
    const many = await RawClient.connect(port, 'many')
    const other = await RawClient.connect(port, 'other')
    subscribe(many, [...topics(4_000), ...topics(4_000).map((one) => one.replace('+', 'y')), '+/+/y', 'none'])
    const served = await pingsUntil(other, () => many.count('publish') === 4_000)
    expect(served).toBeGreaterThanOrEqual(ANSWERS_MIN)
    await many.ping()
    expect(payloads(many).sort()).toEqual(Array.from({ length: 4_000 }, (_, i) => `${i}`).sort())
  })

  it.each([0, 1, 2] as const)('of QoS 2 reach a persistent session at SUBSCRIBE with QoS %s', async (qos) => {
    const { broker, port } = await startBroker()
    broker.own.publish({ topic: 'config/a', payload: Buffer.from('one'), qos: 1, retain: true })
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.publish('config/b', 'two', { qos: 2, messageId: 1, retain: true })
    await publisher.next('pubrec')
    const device = await RawClient.connect(port, 'device', { clean: false })
    await device.subscribe('config/+', qos)
    await until(() => device.count('publish') === 2)
    const qosOf = (topic: string) => device.received.find((one) => one.cmd === 'publish' && one.topic === topic)
    expect(qosOf('config/a')).toMatchObject({ retain: true, qos: Math.min(qos, 1) })
    expect(qosOf('config/b')).toMatchObject({ retain: true, qos })
  })

  it('are sent again to a persistent session that did not acknowledge them, and no more after that', async () => {
    const { broker, port } = await startBroker()
    broker.own.publish({ topic: 'config/a', payload: Buffer.from('one'), qos: 1, retain: true })
    const device = await RawClient.connect(port, 'device', { clean: false })
    await device.subscribe('config/+', 1)
    const first = (await device.next('publish')) as { messageId: number }
    device.destroy()
    await until(() => broker.stats().sessions.absent === 1)
    const again = await RawClient.connect(port, 'device', { clean: false })
    expect(await again.next('publish')).toMatchObject({ messageId: first.messageId, dup: true, topic: 'config/a' })
    again.send({ cmd: 'puback', messageId: first.messageId } as Packet)
    await until(() => broker.stats().sessions.queued === 0, { what: 'the acknowledged message is removed' })
  })

  it('are bounded for clients, and delivered beyond that; those of the edge always have room', async () => {
    const { broker, port } = await startBroker({ retainedMax: 10, retainedBytesMax: 100_000 })
    const live = await RawClient.connect(port, 'live')
    await live.subscribe('#', 0)
    const flood = await RawClient.connect(port, 'flood')
    for (let i = 0; i < 8; i++) flood.publish(`r/${i}`, 'x', { qos: 0, retain: true })
    await flood.ping()
    const second = await RawClient.connect(port, 'second')
    second.publish('big', Buffer.alloc(60_000), { qos: 0, retain: true })
    second.publish('small', 'x', { qos: 0, retain: true })
    await second.ping()
    broker.own.publish({ topic: 'config/a', payload: Buffer.alloc(200_000), qos: 1, retain: true })
    const { count, bytes, refused } = broker.stats().retained
    expect({ count, refused: refused.count, last: refused.last }).toEqual({ count: 6, refused: 4, last: 'second' })
    expect(bytes).toBeLessThan(100_000)
    await until(() => live.count('publish') === 11, { what: 'all are delivered' })
    const later = await RawClient.connect(port, 'later')
    await later.subscribe('#', 0)
    await until(() => later.count('publish') === 7, { what: 'the retained ones arrive' })
    flood.publish('r/0', '', { qos: 0, retain: true })
    flood.publish('r/7', 'x', { qos: 0, retain: true })
    await flood.ping()
    expect(broker.stats().retained).toMatchObject({ count: 6, refused: { count: 4 } })
  })
})
