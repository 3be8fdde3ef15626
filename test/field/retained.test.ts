import { describe, expect, it } from 'vitest'
import { openLink } from '../../src/link/open.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startNats } from '../../support/nats.ts'
import { describePeer } from '../../support/peers.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { publishInOrder } from './field-device.ts'

/** The slowest broker takes several seconds to start. */
const TEST_MS = 60_000
const MESSAGE = { format: 'message', confirm: 'puback', ...QUICK_UPLINK }
const TOPIC = 'out/{device}/{metric}'

/** What a subscriber gets on this topic, in order. */
async function subscriber(url: string, topic: string): Promise<{ heard: string[]; close(): Promise<void> }> {
  const heard: string[] = []
  const link = await openLink({
    url,
    clientId: `onlooker-${topic.replaceAll('/', '-')}`,
    session: false,
    keepaliveS: 30,
    connectTimeoutMs: 5_000,
    onMessage: (_topic, payload) => void heard.push(Buffer.from(payload).toString()),
  })
  onStop(() => link.destroy())
  await link.subscribe(topic, 1)
  return { heard, close: () => link.close() }
}

async function edgeFor(url: string, message: object, more: object = {}): Promise<SiteEdge> {
  const edge = await SiteEdge.create({ uplinks: [{ url, ...MESSAGE, message: { topic: TOPIC, ...message }, ...more }] })
  await edge.start()
  return edge
}

/** A broker whose retained values are read later, by a subscriber that was not there before. */
function retainsForLater(start: () => Promise<{ readonly url: string }>): void {
  it(
    'gets every reading and retains the last one, although no client has subscribed yet',
    async () => {
      const { url } = await start()
      const edge = await edgeFor(url, { payload: 'value', retain: true })
      await until(async () => (await edge.status()).uplinks[0]!.connected, { what: 'the uplink is connected' })
      await publishInOrder(edge, 'telemetry/f2/t', ['1', '2', '3'])
      await edge.untilDrained()
      const { heard } = await subscriber(url, 'out/f2/t')
      await until(() => heard.length > 0, { what: 'a retained value' })
      expect(heard).toEqual(['3'])
      expect(edge.ledgerProblems()).toEqual([])
      await edge.stop()
    },
    TEST_MS,
  )
}

describe('an uplink with `retain: true`', () => {
  describePeer('mosquitto', 'Mosquitto', () => retainsForLater(startMosquitto))
  describePeer('nats', 'NATS JetStream', () => retainsForLater(startNats))
  describePeer('rabbitmq', 'RabbitMQ', () => retainsForLater(startRabbitMq))
})

describePeer('mosquitto', 'an uplink to Mosquitto without a subscriber', () => {
  it('delivers a backlog with `retain: true`, although backlog messages are not retained', async () => {
    const cloud = await startMosquitto()
    await cloud.stop()
    const edge = await edgeFor(cloud.url, { payload: 'value', retain: true })
    await publishInOrder(edge, 'telemetry/f3/t', ['1', '2'])
    await cloud.restart()
    await edge.untilDrained()
    await edge.stop()
  })

  it('keeps readings that are not retained until somebody subscribes', async () => {
    const { url } = await startMosquitto()
    const edge = await edgeFor(url, { payload: 'value', retain: false })
    await publishInOrder(edge, 'telemetry/f4/t', ['1', '2'])
    await until(async () => (await edge.status()).uplinks[0]!.silence, {
      what: 'the uplink reports that it has no receiver',
    })
    expect(edge.waiting()).toBe(2)
    const { heard } = await subscriber(url, 'out/f4/t')
    await edge.untilDrained()
    expect(new Set(heard)).toEqual(new Set(['1', '2']))
    await edge.stop()
  })

  it('never retains a reading from the future, and retains those after it', async () => {
    const { url } = await startMosquitto()
    const edge = await edgeFor(url, { payload: 'value', retain: true })
    const live = await subscriber(url, 'out/f1/t')
    await until(async () => (await edge.status()).uplinks[0]!.connected, { what: 'the uplink is connected' })
    await publishInOrder(edge, 'telemetry/f1/t', ['21', JSON.stringify({ value: -99, ts: 2_000_000_000 })])
    await until(() => live.heard.includes('-99'), { what: 'the reading from the future is sent' })
    const first = await subscriber(url, 'out/f1/+')
    await until(() => first.heard.length > 0, { what: 'a retained value' })
    expect(first.heard).toEqual(['21'])
    await publishInOrder(edge, 'telemetry/f1/t', ['22', '23'])
    await until(() => live.heard.includes('23'), { what: 'the last reading is sent' })
    const later = await subscriber(url, '+/f1/t')
    await until(() => later.heard.length > 0, { what: 'a retained value' })
    expect(later.heard).toEqual(['23'])
    await edge.stop()
  })
})
