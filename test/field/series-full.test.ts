import { describe, expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { runTidegate } from '../../support/process.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'

/** Pause between two looks at the status (ms), which takes time from the work that is waited for. */
const POLL_MS = 500
/** Publishes in one write, and publishes that may be in flight before the next ones. */
const AT_ONCE = 500
const WINDOW_MAX = 1_000
/** The setting has 100,000 by default. */
const SERIES_MAX = sized(10_000, 100_000)
/** What one client gets of them. */
const SHARE = SERIES_MAX * 0.9

/** Publishes with QoS 1, a window of them in flight. @returns the topics that were acknowledged */
async function publishAll(client: RawClient, topics: readonly string[]): Promise<Set<string>> {
  const acknowledged = new Set<string>()
  const byId = new Map<number, string>()
  client.onPacket = (packet) => {
    if (packet.cmd !== 'puback') return
    acknowledged.add(byId.get(packet.messageId!)!)
    byId.delete(packet.messageId!)
  }
  for (let first = 0; first < topics.length && !client.closed; first += AT_ONCE) {
    const some = topics
      .slice(first, first + AT_ONCE)
      .map((topic, i) => ({ topic, messageId: ((first + i) % 65_535) + 1 }))
    for (const { topic, messageId } of some) byId.set(messageId, topic)
    client.send(...some.map(({ topic, messageId }) => publishPacket(topic, '21.5', { qos: 1, messageId })))
    await until(() => byId.size < WINDOW_MAX || client.closed, { deadlineMs: 60_000, what: 'there is an answer' })
  }
  await until(() => byId.size === 0 || client.closed, { deadlineMs: 60_000, what: 'all are answered or refused' })
  client.onPacket = () => undefined
  client.received.length = 0
  return acknowledged
}

async function publish(client: RawClient, topic: string, payload = '21.5', messageId = 1): Promise<void> {
  client.publish(topic, payload, { qos: 1, messageId })
  await client.next('puback')
}

async function problems(edge: SiteEdge): Promise<readonly string[]> {
  return (await edge.status()).problems
}

function ledger(edge: SiteEdge) {
  return edge.read((reader) => reader.ledger())
}

describe('a client that makes up topics', () => {
  it('gets its share of the series: another device is stored, health names the cause, and an operator can undo it', async () => {
    const edge = await SiteEdge.create({ store: { seriesMax: SERIES_MAX } })
    await edge.start()
    const flood = await RawClient.connect(edge.port, 'flood')
    const topics = Array.from({ length: SERIES_MAX + 300 }, (_, i) => `telemetry/rnd${i}/t`)
    const acknowledged = await publishAll(flood, topics)
    expect(acknowledged.size).toBe(SHARE)
    const pump = await RawClient.connect(edge.port, 'newpump')
    await publish(pump, 'telemetry/newpump/temp')
    const health = await fetch(`http://127.0.0.1:${edge.webPort}/healthz`)
    expect(health.status).toBe(503)
    const text = (await problems(edge)).join('\n')
    for (const words of [`"flood" (${SHARE})`, 'store.seriesPerClientMax', 'tidegate devices forget']) {
      expect(text).toContain(words)
    }
    const order = await runTidegate(['devices', 'forget', 'rnd*', '--yes', '-s', edge.settingsFile])
    expect(order).toMatchObject({ code: 0 })
    const counts = async () => {
      await pause(POLL_MS)
      const { series, devices } = (await edge.status()).store
      return `${series} ${devices}`
    }
    await until(async () => (await counts()) === '1 2', {
      deadlineMs: 240_000,
      what: 'series and devices are gone',
    })
    await until(async () => (await problems(edge)).length === 0, { deadlineMs: 30_000, what: 'the edge is healthy' })
    const again = await RawClient.connect(edge.port, 'flood')
    await publish(again, `telemetry/rnd${SERIES_MAX + 299}/t`)
    const rows = ledger(edge)
    expect(rows.flatMap((row) => row.problems)).toEqual([])
    expect(rows.map(({ device }) => device)).toEqual(['*', 'newpump', `rnd${SERIES_MAX + 299}`])
    expect(rows[0]).toMatchObject({ received: SHARE, stored: SHARE, expired: SHARE })
  }, 420_000)
})

describe('a full catalog', () => {
  it('refuses only publishes that need a new series: others of the same connection and of other clients are acknowledged', async () => {
    const edge = await SiteEdge.create({ store: { seriesMax: 3, seriesPerClientMax: 3 } })
    await edge.start()
    const gateway = await RawClient.connect(edge.port, 'gateway')
    const other = await RawClient.connect(edge.port, 'other')
    await publish(gateway, 'telemetry/a/t')
    await publish(gateway, 'telemetry/b/t')
    await publish(other, 'telemetry/c/t')
    gateway.publish('telemetry/d/t', '1', { qos: 1, messageId: 100 })
    gateway.publish('telemetry/a', '{"t": 2, "new": 2}', { qos: 1, messageId: 101 })
    for (let messageId = 1; messageId <= 50; messageId++) {
      gateway.publish('telemetry/a/t', `${messageId}`, { qos: 1, messageId })
    }
    await until(() => gateway.count('puback') === 50, { what: 'readings of known series are acknowledged' })
    expect(gateway.received.map(({ messageId }) => messageId).filter((id) => id! >= 100)).toEqual([])
    await until(() => gateway.closed, { what: 'the client must send the refused publishes again' })
    await publish(other, 'telemetry/c/t', '2')
    expect(other.closed).toBe(false)
    expect(edge.stored()).toBe(54)
    expect(ledger(edge).flatMap((row) => row.problems)).toEqual([])
    expect((await edge.status()).store.catalog).toMatchObject({ refused: 2, keptAsRejects: 0 })
    expect((await problems(edge)).join('\n')).toContain('3 of at most 3 series')
  })

  it('of one device refuses only its messages: other devices of the same client get series, and health names the device', async () => {
    const edge = await SiteEdge.create({ store: { seriesMax: 100, seriesPerDeviceMax: 40 } })
    await edge.start()
    const gateway = await RawClient.connect(edge.port, 'gateway')
    const names = Array.from({ length: 50 }, (_, i) => `telemetry/random/m${i}`)
    for (const [i, topic] of names.entries()) gateway.publish(topic, '1', { qos: 1, messageId: i + 1 })
    await until(() => gateway.count('puback') === 40, { what: 'as many as have room are acknowledged' })
    gateway.publish('telemetry/pump', '{"a": 1, "b": 2}', { qos: 1, messageId: 100 })
    await until(() => gateway.count('puback') === 41, { what: 'another device of the same client has room' })
    const { store } = await edge.status()
    expect(store).toMatchObject({ series: 42, catalog: { perDeviceMax: 40, refused: 10 } })
    const text = (await problems(edge)).join('\n')
    expect(text).toMatch(/refused at 40 series of one device.*devices with the most series: "random" \(40\)/)
    expect(text).toContain('store.seriesPerDeviceMax')
    expect(ledger(edge).flatMap((row) => row.problems)).toEqual([])
  })

  it('keeps a QoS 0 message that needs a new series as a reject, and stores it by replay once there is room', async () => {
    const settings = { store: { seriesMax: 2 } }
    const edge = await SiteEdge.create(settings)
    await edge.start()
    const client = await RawClient.connect(edge.port, 'client')
    client.publish('telemetry/press', '{"a": 1, "b": 2}', { qos: 0 })
    client.publish('telemetry/oven/heat', '300', { qos: 0 })
    client.publish('telemetry/press', 'no reading {', { qos: 0 })
    await client.ping()
    await until(async () => (await edge.status()).store.rejected === 2)
    expect((await edge.status()).store.catalog.keptAsRejects).toBe(1)
    const replay = () => runTidegate(['rejects', 'replay', '--all', '-s', edge.settingsFile])
    expect((await replay()).code).toBe(0)
    const rejects = () => edge.read((reader) => reader.rejects(10))
    expect((await runTidegate(['devices', 'forget', 'press', '-s', edge.settingsFile])).code).toBe(0)
    await until(async () => (await edge.status()).store.series === 0, { what: 'there is room' })
    expect((await replay()).code).toBe(0)
    await until(() => rejects().length === 0, { what: 'the message is stored' })
    const rows = ledger(edge)
    expect(rows.flatMap((row) => row.problems)).toEqual([])
    expect(rows.find(({ device }) => device === 'oven')).toMatchObject({ received: 1, stored: 1, rejected: 0 })
    const latest = await fetch(`http://127.0.0.1:${edge.webPort}/api/latest?device=oven`)
    expect(await latest.json()).toMatchObject({ latest: [{ metric: 'heat', value: 300 }] })
  })
})
