import type { Packet } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../../support/raw-client.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

const payloads = (client: RawClient): string[] =>
  client.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []))

describe('a persistent session', () => {
  it('gets all of a burst that is larger than the queue of an absent client', async () => {
    const { broker, port } = await startBroker({ sessionQueueMax: 1_000 })
    const subscriber = await RawClient.connect(port, 'subscriber', { clean: false })
    await subscriber.subscribe('b/#', 1)
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.send(
      ...Array.from({ length: 5_000 }, (_, i) => publishPacket('b/x', `${i}`, { qos: 1, messageId: i + 1 })),
    )
    await until(() => subscriber.count('publish') === 5_000, { deadlineMs: 20_000, what: 'all messages arrive' })
    expect(payloads(subscriber)).toEqual(Array.from({ length: 5_000 }, (_, i) => `${i}`))
    subscriber.acknowledge()
    await until(() => broker.stats().sessions.queued === 0)
    expect(broker.stats()).toMatchObject({ dropped: 0, sessions: { slow: { count: 0 }, queuedBytes: 0 } })
  })

  it('drops and counts what its client does not acknowledge, and the publisher goes on', async () => {
    const { broker, port } = await startBroker({ sessionQueueBytesMax: 1_000_000 })
    const subscriber = await RawClient.connect(port, 'slow', { clean: false })
    await subscriber.subscribe('b/#', 1)
    const publisher = await RawClient.connect(port, 'publisher')
    const payload = Buffer.alloc(10_000, 'x')
    for (let i = 0; i < 100; i++) publisher.publish('b/x', payload, { qos: 1, messageId: i + 1 })
    await until(() => publisher.count('puback') === 100)
    await until(() => broker.stats().sessions.slow.count > 0, { what: 'messages are dropped' })
    const { slow, queuedBytes } = broker.stats().sessions
    expect(slow.last).toBe('slow')
    expect(queuedBytes).toBeLessThan(300_000)
    await publisher.ping()
    subscriber.acknowledge()
    await until(() => broker.stats().sessions.queued === 0)
    publisher.publish('b/x', 'last', { qos: 1, messageId: 101 })
    await until(() => payloads(subscriber).at(-1) === 'last')
  })

  it('gets messages of QoS 1 through a filter of QoS 0', async () => {
    const { broker, port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber', { clean: false })
    await subscriber.subscribe('b/#', 0)
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.publish('b/x', 'one', { qos: 1, messageId: 1 })
    expect(await subscriber.next('publish')).toMatchObject({ topic: 'b/x', qos: 0 })
    expect(broker.stats().sessions.queued).toBe(0)
  })

  it('gets a message that several of its filters match once, with the highest QoS', async () => {
    const { broker, port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber', { clean: false })
    await subscriber.subscribe('b/x', 0)
    await subscriber.subscribe('b/#', 1, 2)
    await subscriber.subscribe('+/x', 2, 3)
    const publisher = await RawClient.connect(port, 'publisher')
    publisher.publish('b/x', 'one', { qos: 1, messageId: 1 })
    const { messageId } = (await subscriber.next('publish')) as { messageId: number }
    subscriber.send({ cmd: 'puback', messageId } as Packet)
    await until(() => broker.stats().sessions.queued === 0)
    await subscriber.ping()
    expect(subscriber.count('publish')).toBe(0)
  })

  it('ends with its QoS 2 identifiers when its client stays away', async () => {
    const { broker, intake, port } = await startBroker({ sessionExpiryS: 1 })
    const client = await RawClient.connect(port, 'away', { clean: false })
    client.publish('telemetry/a/b', '1', { qos: 2, messageId: 1 })
    await until(() => intake.waiting === 1)
    intake.settle()
    await client.next('pubrec')
    client.destroy()
    await until(() => broker.stats().sessions.expired === 1, { what: 'the session expires' })
    expect(intake.forgotten).toEqual(['away'])
  })
})

describe('wills', () => {
  const will = (bytes: number) => ({ topic: 'w', payload: Buffer.alloc(bytes, 'x'), qos: 0, retain: false })

  it('are refused when they are too long, or when those of all clients are', async () => {
    const { broker, port } = await startBroker()
    await expect(RawClient.connect(port, 'a', { will: will(16_385) })).rejects.toThrow('closed')
    const accepted: RawClient[] = []
    const refusals: string[] = []
    const connect = async (name: string): Promise<void> => {
      try {
        accepted.push(await RawClient.connect(port, name, { will: will(16_384) }))
      } catch (refusal) {
        refusals.push((refusal as Error).message)
      }
    }
    for (let round = 0; round < 11; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => connect(`c${round}-${i}`)))
    }
    expect(accepted.length).toBeGreaterThan(900)
    expect(refusals.length).toBe(1_100 - accepted.length)
    expect(refusals.every((one) => one.includes('"returnCode":3'))).toBe(true)
    expect(broker.stats().wills).toMatchObject({ refused: { count: refusals.length } })
    expect(broker.stats().wills.bytes).toBeLessThanOrEqual(16_777_216)
    accepted[0]!.send({ cmd: 'disconnect' })
    await until(() => broker.stats().connections < accepted.length)
    await RawClient.connect(port, 'next', { will: will(16_000) })
  })
})
