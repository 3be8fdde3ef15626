import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import type { Link } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const ROUTES = [
  { topic: 'telemetry/{device}/{metric}' },
  { topic: 'events/#', forward: true, to: 'sites/{edge}/{topic}' },
]
const TOPICS = ['events/doors', 'events/line/1', 'events/line/2']
const COUNT = 1_200
const WINDOW = 50

/** Publishes 0, 1, 2, … with QoS 1, on three topics in turn, and repeats unacknowledged publishes in order. */
class Sender {
  acknowledged = 0
  readonly #port: number
  readonly #open = new Map<number, number>()
  #next = 0
  #stopped = false

  constructor(port: number) {
    this.#port = port
    onStop(() => {
      this.#stopped = true
    })
  }

  async run(): Promise<void> {
    while (this.acknowledged < COUNT && !this.#stopped) {
      const client = await RawClient.connect(this.#port, 'sender', { clean: false }).catch(() => undefined)
      if (client === undefined) await pause(20)
      else await this.#talk(client)
    }
  }

  #talk(client: RawClient): Promise<void> {
    return new Promise((resolve) => {
      client.onClosed = resolve
      client.onPacket = ({ cmd, messageId }) => {
        client.received.length = 0
        if (cmd === 'puback' && this.#open.delete(messageId!)) this.acknowledged++
        this.#fill(client)
        if (this.acknowledged === COUNT) {
          client.destroy()
          resolve()
        }
      }
      client.send(...[...this.#open].map(([messageId, value]) => this.#packet(messageId, value, true)))
      this.#fill(client)
      if (client.closed) resolve()
    })
  }

  #fill(client: RawClient): void {
    while (this.#next < COUNT && this.#open.size < WINDOW) {
      const value = this.#next++
      const messageId = (value % 65_535) + 1
      this.#open.set(messageId, value)
      client.send(this.#packet(messageId, value, false))
    }
  }

  #packet(messageId: number, value: number, dup: boolean) {
    return publishPacket(TOPICS[value % TOPICS.length]!, `${value}`, { qos: 1, messageId, dup })
  }
}

/**
 * Receives everything that the broker passes on, at once: QoS 0 reaches a subscriber before the publisher is
 * answered.
 */
class Ear {
  readonly heard: { topic: string; payload: Buffer; retained: boolean }[] = []
  readonly #cloud: Mosquitto
  #link: Link | undefined

  constructor(cloud: Mosquitto) {
    this.#cloud = cloud
    onStop(() => this.#link?.destroy())
  }

  async listen(filter = 'sites/#'): Promise<void> {
    const { url } = this.#cloud
    this.#link = await openLink({
      url,
      clientId: 'ear',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (topic, payload, { retained }) => {
        this.heard.push({ topic, payload: Buffer.from(payload), retained })
      },
    })
    await this.#link.subscribe(filter, 0)
  }

  /** The values of a topic in order of their first arrival. */
  firsts(topic: string): number[] {
    const all = this.heard.filter((one) => one.topic === topic)
    return [...new Set(all.map(({ payload }) => Number(payload.toString())))]
  }
}

function forwardsOf(edge: SiteEdge) {
  return edge.read((reader) => reader.forwards()[0]!)
}

describePeer('mosquitto', 'forwarded messages', () => {
  it('that were acknowledged all arrive, in order per topic, although edge and cloud broker are killed under load', async () => {
    const cloud = await startMosquitto()
    const proxy = await TcpProxy.start({ to: cloud.port })
    const ear = new Ear(cloud)
    await ear.listen()
    const edge = await SiteEdge.create({ routes: ROUTES, uplinks: [{ url: proxy.url, ...QUICK_UPLINK }] })
    await edge.start()
    const sender = new Sender(edge.port)
    const finished = sender.run()
    for (const part of [1, 2]) {
      await until(() => sender.acknowledged >= (COUNT * part) / 3, { what: `part ${part} is acknowledged` })
      if (part % 2 === 1) {
        await edge.kill()
        await edge.start()
        continue
      }
      await cloud.kill()
      proxy.dial.refuse = true
      await cloud.restart()
      await ear.listen()
      proxy.dial.refuse = false
    }
    await finished
    await until(() => forwardsOf(edge).waiting === 0, { deadlineMs: 20_000, what: 'everything is confirmed' })
    for (const [at, topic] of TOPICS.entries()) {
      const sent = Array.from({ length: COUNT }, (_, value) => value).filter((value) => value % TOPICS.length === at)
      await until(() => ear.firsts(`sites/site/${topic}`).length === sent.length, { what: `all of ${topic} arrives` })
      expect(ear.firsts(`sites/site/${topic}`)).toEqual(sent)
    }
    expect(forwardsOf(edge).problems).toEqual([])
    expect(forwardsOf(edge).stored).toBeGreaterThanOrEqual(COUNT)
    await edge.stop()
  }, 60_000)

  it('that exceed the size limit of the cloud broker are parked with the reason; others arrive, also retained and empty ones', async () => {
    const cloud = await startMosquitto({ config: 'max_packet_size 2000' })
    const ear = new Ear(cloud)
    await ear.listen()
    const edge = await SiteEdge.create({ routes: ROUTES, uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
    await edge.start()
    const device = await RawClient.connect(edge.port, 'device')
    const local = await RawClient.connect(edge.port, 'local')
    await local.subscribe('events/#', 1)
    device.publish('events/image', Buffer.alloc(4_000), { qos: 1, messageId: 1 })
    device.publish('events/state', 'open', { qos: 1, messageId: 2, retain: true })
    device.publish('events/gone', 'here', { qos: 1, messageId: 3, retain: true })
    device.publish('events/gone', '', { qos: 1, messageId: 4, retain: true })
    device.publish('events/once', '1', { qos: 2, messageId: 5 })
    device.publish('events/perhaps', '0', { qos: 0 })
    await until(() => forwardsOf(edge).confirmed === 5, { what: 'what the broker takes is confirmed' })
    const account = forwardsOf(edge)
    expect(account).toMatchObject({ stored: 6, confirmed: 5, waiting: 0, parked: 1, problems: [] })
    expect(edge.read((reader) => reader.parkedMessages(10))).toMatchObject([
      {
        uplink: 'cloud',
        topic: 'events/image',
        reason: expect.stringContaining('more than the broker accepts (2000)'),
      },
    ])
    await until(() => ear.heard.length >= 5, { what: 'what the broker takes arrives' })
    const received = ear.heard.map(({ topic, payload }) => [topic, payload.toString()])
    expect(received).toEqual([
      ['sites/site/events/state', 'open'],
      ['sites/site/events/gone', 'here'],
      ['sites/site/events/gone', ''],
      ['sites/site/events/once', '1'],
      ['sites/site/events/perhaps', '0'],
    ])
    const late = new Ear(cloud)
    await late.listen()
    await until(() => late.heard.length > 0, { what: 'a retained message arrives' })
    expect(late.heard).toMatchObject([{ topic: 'sites/site/events/state', retained: true }])
    await until(() => local.count('publish') >= 6, { what: 'local subscribers have them too' })
    expect((await edge.status()).problems).toEqual(['uplink cloud: 1 messages are parked (`tidegate rejects list`)'])
    await edge.stop()
  }, 30_000)
})
