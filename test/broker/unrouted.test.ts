import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { Unrouted } from '../../src/broker/guards/unrouted.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const STORE = { unrouted: 'store' } as const

describe('a publish without a route and without a subscriber', () => {
  it('is acknowledged when the intake has it on disk, with QoS 1 and 2', async () => {
    const { broker, intake, port } = await startBroker(STORE)
    const client = await RawClient.connect(port, 'a')
    client.publish('lost/1', 'x', { qos: 1, messageId: 7 })
    client.publish('lost/2', 'y', { qos: 2, messageId: 8 })
    client.publish('lost/3', 'z', { qos: 0 })
    await until(() => intake.waiting === 3)
    expect(client.received).toEqual([])
    intake.settle()
    await client.next('puback')
    await client.next('pubrec')
    expect(intake.offered).toMatchObject([
      { topic: 'lost/1', client: 'a', qos: 1 },
      { topic: 'lost/2', client: 'a', qos: 2 },
      { topic: 'lost/3', client: 'a', qos: 0 },
    ])
    expect(broker.stats().unrouted).toMatchObject({ policy: 'store', count: 3, local: 0, retained: 0 })
  })

  it('closes the connection without an acknowledgement when it cannot be stored', async () => {
    const { intake, port } = await startBroker(STORE)
    const client = await RawClient.connect(port, 'a')
    client.publish('lost/1', 'x', { qos: 1, messageId: 7 })
    await until(() => intake.waiting === 1)
    intake.settle(new Error('the disk is full'))
    await until(() => client.closed)
    expect(client.received).toEqual([])
  })

  it('is kept if it is a will', async () => {
    const { intake, port } = await startBroker(STORE)
    const will = { topic: 'lost/will', payload: Buffer.from('gone'), qos: 1, retain: false }
    const client = await RawClient.connect(port, 'a', { will })
    client.destroy()
    await until(() => intake.waiting === 1)
    expect(intake.offered).toMatchObject([{ topic: 'lost/will', qos: 1 }])
    intake.settle()
  })

  it('is kept and retained if it says so; an empty one only clears its topic', async () => {
    const { broker, intake, port } = await startBroker(STORE)
    const client = await RawClient.connect(port, 'a')
    client.publish('state/1', 'on', { qos: 1, messageId: 1, retain: true })
    await until(() => intake.waiting === 1)
    intake.settle()
    await client.next('puback')
    const subscriber = await RawClient.connect(port, 'b')
    await subscriber.subscribe('state/#', 0)
    expect(await subscriber.next('publish')).toMatchObject({ topic: 'state/1', retain: true })
    client.publish('state/2', '', { qos: 1, messageId: 2, retain: true })
    await client.next('puback')
    expect(intake.offered).toHaveLength(1)
    expect(broker.stats().unrouted).toMatchObject({ count: 0, recent: 0, retained: 1 })
  })

  it('is not acknowledged under `refuse`, and its connection is closed later; other publishes are acknowledged until then', async () => {
    const { broker, intake, port } = await startBroker({ unrouted: 'refuse' })
    const client = await RawClient.connect(port, 'a')
    client.publish('lost/1', 'x', { qos: 1, messageId: 1 })
    client.publish('lost/2', 'x', { qos: 2, messageId: 2 })
    client.publish('lost/3', 'x', { qos: 0 })
    client.publish('telemetry/a/t', '1', { qos: 1, messageId: 3 })
    await until(() => intake.waiting === 1)
    intake.settle()
    expect(await client.next('puback')).toMatchObject({ messageId: 3 })
    await until(() => client.closed, { what: 'the client must send them again' })
    expect(client.received.filter(({ cmd }) => cmd !== 'pingresp')).toEqual([])
    expect(intake.offered).toHaveLength(1)
    expect(broker.stats().unrouted).toMatchObject({ policy: 'refuse', count: 3 })
  })

  it('keeps a connection open under `refuse` if it has QoS 0 or is retained', async () => {
    const { intake, port } = await startBroker({ unrouted: 'refuse' })
    const client = await RawClient.connect(port, 'a')
    client.publish('state/1', 'on', { qos: 1, messageId: 1, retain: true })
    await client.next('puback')
    expect(intake.offered).toEqual([])
  })

  it('is acknowledged at once under `ack`, and counted', async () => {
    const { broker, intake, port } = await startBroker({ unrouted: 'ack' })
    const client = await RawClient.connect(port, 'a')
    client.publish('lost/1', 'x', { qos: 1, messageId: 1 })
    await client.next('puback')
    expect(intake.offered).toEqual([])
    expect(broker.stats().unrouted).toMatchObject({ policy: 'ack', count: 1 })
  })
})

describe('the patterns of topics without a route', () => {
  it('are at most a thousand, however many topics there are, and one for topics that differ in numbers and ids', () => {
    const unrouted = new Unrouted('store', silentLog)
    const publish = (topic: string) => unrouted.fateOf({ topic, payload: 'x', qos: 0 }, false)
    for (let i = 0; i < 500; i++) publish(`pump${i + 10}/${i}`)
    expect(unrouted.stats).toMatchObject({ count: 500, patterns: 1 })
    const letters = (n: number): string => String(n).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)
    for (let i = 0; i < 3_000; i++) publish(letters(i))
    expect(unrouted.stats).toMatchObject({ count: 3_500, patterns: 1_000 })
  })
})

describe('a publish without a route that a local subscriber gets', () => {
  it('is ordinary messaging: delivered and counted, not stored', async () => {
    const { broker, intake, port } = await startBroker(STORE)
    const subscriber = await RawClient.connect(port, 'b')
    await subscriber.subscribe('wanted/#', 0)
    const client = await RawClient.connect(port, 'a')
    client.publish('wanted/1', 'x', { qos: 0 })
    client.publish('wanted/2', 'x', { qos: 1, messageId: 1 })
    client.publish('wanted/3', 'x', { qos: 2, messageId: 2 })
    await client.next('puback')
    await client.next('pubrec')
    await until(() => subscriber.count('publish') === 3)
    expect(intake.offered).toEqual([])
    expect(broker.stats().unrouted).toMatchObject({ count: 0, local: 3 })
  })

  it('waits for an absent one with QoS 1; with QoS 0, and once its queue is full, it is stored', async () => {
    const { broker, intake, port } = await startBroker({ ...STORE, sessionQueueMax: 2 })
    const subscriber = await RawClient.connect(port, 'b', { clean: false })
    await subscriber.subscribe('wanted/#', 1)
    subscriber.destroy()
    await until(() => broker.stats().connections === 0)
    const client = await RawClient.connect(port, 'a')
    client.publish('wanted/0', 'x', { qos: 0 })
    await until(() => intake.waiting === 1)
    intake.settle()
    for (const messageId of [1, 2]) {
      client.publish(`wanted/${messageId}`, 'x', { qos: 1, messageId })
      await client.next('puback')
    }
    client.publish('wanted/3', 'x', { qos: 1, messageId: 3 })
    await until(() => intake.waiting === 1, { what: 'the queue is full' })
    intake.settle()
    await client.next('puback')
    expect(intake.offered.map(({ topic }) => topic)).toEqual(['wanted/0', 'wanted/3'])
    expect(broker.stats()).toMatchObject({ dropped: 1, unrouted: { count: 2, local: 2 } })
  })

  it('is kept after all if its subscriber leaves between the acknowledgement and the delivery', async () => {
    const { broker, intake, port } = await startBroker(STORE)
    const client = await RawClient.connect(port, 'a')
    await client.subscribe('wanted/#', 0)
    client.send(publishPacket('wanted/x', 'x', { qos: 1, messageId: 7 }), {
      cmd: 'unsubscribe',
      messageId: 8,
      unsubscriptions: ['wanted/#'],
    })
    await client.next('unsuback')
    await client.next('puback')
    await until(() => intake.waiting + client.count('publish') === 1)
    const { count, local } = broker.stats().unrouted
    expect({ count, local }).toEqual({ count: intake.waiting, local: client.count('publish') })
    expect(intake.waiting).toBe(1)
    intake.settle()
  })
})
