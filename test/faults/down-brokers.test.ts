import { expect, it } from 'vitest'
import type { Link, LinkOptions } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { startNats } from '../../support/nats.ts'
import { describePeer } from '../../support/peers.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const COUNT = 60

async function link(url: string, options: Partial<LinkOptions>): Promise<Link> {
  const defaults = { url, clientId: 'test', session: false, keepaliveS: 60, connectTimeoutMs: 20_000 }
  const opened = await openLink({ ...defaults, ...options })
  onStop(() => opened.destroy())
  return opened
}

async function untilConnected(edge: SiteEdge): Promise<void> {
  await until(async () => (await edge.status().catch(() => undefined))?.down[0]?.connected, { deadlineMs: 40_000 })
}

/** The same promises over brokers that speak MQTT 3.1.1 only. */
function describeBroker(name: 'rabbitmq' | 'nats', start: () => Promise<{ readonly url: string }>): void {
  describePeer(name, `a down route over ${name}`, () => {
    it('brings what the cloud publishes while the edge is away, in order, and keeps it over kill -9', async () => {
      const cloud = await start()
      const route = { topic: 'commands/{edge}/#', direction: 'down', to: '{rest}' }
      const uplinks = [{ url: cloud.url, ...QUICK_UPLINK, confirm: 'puback' }]
      const edge = await SiteEdge.create({ uplinks, routes: [route] })
      await edge.start()
      await untilConnected(edge)
      await edge.kill()
      const sender = await link(cloud.url, { clientId: 'sender' })
      for (let n = 0; n < COUNT; n++) await sender.publish('commands/site/valve', Buffer.from(`${n}`), { qos: 1 })
      await edge.start()
      await until(async () => (await edge.status()).store.down.waiting >= COUNT, { deadlineMs: 40_000 })
      await edge.kill()
      await edge.start()
      const heard: number[] = []
      const device = await link(`mqtt://127.0.0.1:${edge.port}`, {
        clientId: 'device',
        onMessage: (_topic, payload) => void heard.push(Number(Buffer.from(payload))),
      })
      await device.subscribe('valve', 1)
      await until(async () => (await edge.status()).store.down.waiting === 0, { deadlineMs: 40_000 })
      expect([...new Set(heard)]).toEqual(Array.from({ length: COUNT }, (_, n) => n))
    })
  })
}

describeBroker('rabbitmq', startRabbitMq)
describeBroker('nats', startNats)
