import { describe, expect, it } from 'vitest'
import { TextCache } from '../../../src/base/text/text-cache.ts'
import { RawClient } from '../../../support/raw-client.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

describe('the counters of the broker', () => {
  it('show messages that go nowhere, with their last topics escaped', async () => {
    const { broker, port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    const subscriber = await RawClient.connect(port, 'b')
    await subscriber.subscribe('wanted/#', 0)
    for (let i = 1; i <= 6; i++) client.publish(`lost/${i}`, 'x', { qos: 0 })
    await client.ping()
    client.publish('lost/7', 'x', { qos: 1, messageId: 7 })
    await client.next('puback')
    await until(() => broker.stats().unrouted.count === 7)
    client.publish('lost/\u202e', 'x', { qos: 2, messageId: 8 })
    await client.next('pubrec')
    client.publish('wanted/x', 'x', { qos: 0 })
    client.publish('kept', 'x', { qos: 0, retain: true })
    await client.ping()
    expect(broker.stats().unrouted).toEqual({
      policy: 'ack',
      count: 8,
      recent: 8,
      topics: ['lost/4', 'lost/5', 'lost/6', 'lost/7', 'lost/\\u202e'],
      patterns: 2,
      retained: 1,
      local: 1,
    })
  })

  it('show devices that have the same client id, and not one that reconnects, or takes over four times', async () => {
    const { broker, port } = await startBroker()
    for (let i = 0; i < 8; i++) await RawClient.connect(port, 'twin')
    for (let i = 0; i < 5; i++) await RawClient.connect(port, 'impatient')
    for (let i = 0; i < 8; i++) {
      const client = await RawClient.connect(port, 'single')
      client.destroy()
      await until(() => broker.stats().connections === 2)
    }
    const { count, fights } = broker.stats().takeovers
    expect(count).toBe(11)
    expect(fights).toEqual([{ client: 'twin', takeovers: 7, addresses: ['127.0.0.1'] }])
  })

  it('show a subscriber that was disconnected because it does not read', async () => {
    const { broker, port } = await startBroker({ slowSubscriberBytesMax: 100_000 })
    const slow = await RawClient.connect(port, 'slow')
    await slow.subscribe('t/#', 0)
    slow.pauseReading()
    const client = await RawClient.connect(port, 'a')
    const payload = Buffer.alloc(500_000, 'x')
    await until(
      async () => {
        client.publish('t/x', payload, { qos: 0 })
        await client.ping()
        return broker.stats().refusals.slowSubscriber !== undefined
      },
      { what: 'the subscriber is disconnected' },
    )
    expect(broker.stats().refusals.slowSubscriber).toEqual({ total: 1, recent: 1 })
  })
})

describe('a cache of texts', () => {
  it('is bounded by bytes, and keeps no long text', () => {
    const cache = new TextCache<number>(100_000)
    for (let i = 0; i < 1_000; i++) cache.add(`topic/${i}`.padEnd(300, 'x'), i)
    expect(cache.size).toBeLessThanOrEqual(Math.floor(100_000 / (600 + 128)))
    expect(cache.get('topic/999'.padEnd(300, 'x'))).toBe(999)
    expect(cache.get('topic/990'.padEnd(300, 'x'))).toBe(990)
    cache.add('x'.repeat(60_000), 1)
    expect(cache.has('x'.repeat(60_000))).toBe(false)
  })
})
