import { describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { siteForAll } from './field-device.ts'

const site = siteForAll([{ topic: 'telemetry/{device}/{metric}' }])

describe('what an operator must know of the clients', () => {
  it('is in status and health: a device whose topics have no route', async () => {
    const client = await RawClient.connect(site.edge.port, 'misconfigured')
    client.publish('telemetri/press/force', '1', { qos: 1, messageId: 1 })
    await client.next('puback')
    await client.ping()
    const { broker, problems, healthy } = await site.edge.status()
    expect(broker.unrouted).toMatchObject({ count: 1, topics: ['telemetri/press/force'] })
    expect(healthy).toBe(false)
    expect(problems.some((problem) => problem.includes('"telemetri/press/force"'))).toBe(true)
  })

  it('is in status and health: two devices with one client id', async () => {
    for (let i = 0; i < 10; i++) await RawClient.connect(site.edge.port, 'twin')
    const { broker, problems } = await site.edge.status()
    expect(broker.takeovers.count).toBe(9)
    expect(problems.some((problem) => problem.includes('"twin" disconnect each other'))).toBe(true)
  })

  it('is in status and health: packets that are refused, by reason', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await RawClient.open(site.edge.port)
      client.sendBytes(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
      await new Promise<void>((resolve) => {
        client.onClosed = resolve
      })
    }
    const { broker, problems } = await site.edge.status()
    expect(broker.refusals).toMatchObject({ malformed: { total: 10, recent: 10 } })
    expect(problems.some((problem) => problem.includes('what is not MQTT'))).toBe(true)
  })
})

describe('topics of 64 KB', () => {
  it('do not take the memory of the edge, whether they have a route or not', async () => {
    const edge = await SiteEdge.create({ routes: [{ topic: 'telemetry/{device}/{metric}' }] })
    await edge.start({ NODE_OPTIONS: '--max-old-space-size=64' })
    const client = await RawClient.connect(edge.port, 'long-topics')
    const long = 'x'.repeat(65_000)
    for (let i = 0; i < 3_000; i++) {
      client.publish(`${i}/${long}`, '1', { qos: 0 })
      if (i % 20 === 0) client.publish(`telemetry/${long}/${i}`, '1', { qos: 0 })
      if (i % 20 === 0) await client.ping()
    }
    await client.ping()
    const honest = await RawClient.connect(edge.port, 'honest')
    honest.publish('telemetry/honest/t', '1', { qos: 1, messageId: 1 })
    await honest.next('puback')
    expect(await edge.stop()).toBe(0)
  })
})
