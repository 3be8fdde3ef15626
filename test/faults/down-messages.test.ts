import { expect, it } from 'vitest'
import type { EdgeStatus } from '../../src/edge/status.ts'
import type { Link, LinkOptions } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

const DOWN = { topic: 'commands/{edge}/#', direction: 'down', to: 'local/{rest}' }
const TOPICS = ['pump/1', 'pump/2', 'valve']

interface Heard {
  readonly topic: string
  readonly text: string
  readonly retained: boolean
}

async function link(url: string, options: Partial<LinkOptions>): Promise<Link> {
  const opened = await openLink({
    url,
    clientId: 'test',
    session: false,
    keepaliveS: 60,
    connectTimeoutMs: 5_000,
    ...options,
  })
  onStop(() => opened.destroy())
  return opened
}

/** A local client that keeps what it gets. */
async function subscriber(
  edge: SiteEdge,
  filter: string,
  { qos = 1, ...options }: { qos?: 0 | 1 } & Partial<LinkOptions> = {},
): Promise<{ heard: Heard[]; link: Link }> {
  const heard: Heard[] = []
  const onMessage = (topic: string, payload: Uint8Array, { retained }: { retained: boolean }): void => {
    heard.push({ topic, text: Buffer.from(payload).toString(), retained })
  }
  const opened = await link(`mqtt://127.0.0.1:${edge.port}`, { clientId: 'device', onMessage, ...options })
  await opened.subscribe(filter, qos)
  return { heard, link: opened }
}

function connected(edge: SiteEdge): Promise<EdgeStatus> {
  return until(
    async () => {
      const status = await edge.status().catch(() => undefined)
      return status?.down[0]?.connected ? status : undefined
    },
    { what: 'the edge receives from the cloud' },
  )
}

async function startEdge(cloudUrl: string, settings: Record<string, unknown> = {}): Promise<SiteEdge> {
  const uplinks = [{ url: cloudUrl, ...QUICK_UPLINK, confirm: 'puback' }]
  const edge = await SiteEdge.create({ uplinks, routes: [DOWN], ...settings })
  await edge.start()
  await connected(edge)
  return edge
}

/** Publishes the numbers from `first` up to before `end` in the cloud, on the topics in turn. */
async function publishNumbers(cloud: Mosquitto, first: number, end: number): Promise<void> {
  const sender = await link(cloud.url, { clientId: `sender-${first}` })
  for (let n = first; n < end; n++) {
    await sender.publish(`commands/site/${TOPICS[n % TOPICS.length]}`, Buffer.from(`${n}`), { qos: 1 })
  }
  await sender.close()
}

/** Each number in its order for each topic, repeats of an earlier part left out; a gap shows as a missing number. */
function numbersOf(heard: readonly Heard[]): number[] {
  const seen = TOPICS.map((topic, place) => {
    let next = place
    for (const { text } of heard.filter((one) => one.topic === `local/${topic}`)) {
      if (Number(text) === next) next += TOPICS.length
    }
    return Array.from({ length: (next - place) / TOPICS.length }, (_, i) => place + i * TOPICS.length)
  })
  return seen.flat().sort((a, b) => a - b)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

async function untilHeard(heards: readonly Heard[][], count: number): Promise<void> {
  await until(() => numbersOf(heards.flat()).length >= count, { deadlineMs: 40_000, what: `${count} messages arrive` })
}

async function accountOf(edge: SiteEdge) {
  return (await edge.status()).store.down
}

describePeer('mosquitto', 'a down route', () => {
  it('publishes messages of the cloud to local subscribers under their local topic, and to no route up', async () => {
    const cloud = await startMosquitto()
    const up = { topic: 'local/#', forward: true, to: 'up/{topic}' }
    const edge = await startEdge(cloud.url, { routes: [DOWN, up, { topic: '{device}/{metric#}' }] })
    const { heard } = await subscriber(edge, 'local/#')
    const cloudHeard: string[] = []
    const watcher = await link(cloud.url, { clientId: 'watcher', onMessage: (topic) => void cloudHeard.push(topic) })
    await watcher.subscribe('up/#', 1)
    await publishNumbers(cloud, 0, 30)
    await untilHeard([heard], 30)
    await until(async () => (await accountOf(edge)).delivered === 30)
    expect(heard.filter(({ topic }) => topic === 'local/pump/1').map(({ text }) => Number(text))).toEqual(
      upTo(30).filter((n) => n % 3 === 0),
    )
    const { store, broker } = await edge.status()
    expect({ readings: store.readings, unrouted: broker.unrouted.count, waiting: store.down.waiting }).toEqual({
      readings: 0,
      unrouted: 0,
      waiting: 0,
    })
    expect(edge.read((reader) => reader.forwards())).toMatchObject([{ stored: 0 }])
    expect(cloudHeard).toEqual([])
  })

  it('brings what the cloud publishes while the edge is away, in order', async () => {
    const cloud = await startMosquitto({ persistenceFolder: tempFolder() })
    const edge = await startEdge(cloud.url)
    await edge.kill()
    await publishNumbers(cloud, 0, 60)
    await edge.start()
    const { heard } = await subscriber(edge, 'local/#')
    await untilHeard([heard], 60)
    expect(numbersOf(heard)).toEqual(upTo(60))
  })

  it('keeps messages without a subscriber on disk over kill -9, and delivers them when one connects', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url)
    await publishNumbers(cloud, 0, 60)
    await until(async () => (await accountOf(edge)).waiting === 60)
    await cloud.kill() // The cloud broker has forgotten them.
    await edge.kill()
    await edge.start()
    const { heard } = await subscriber(edge, 'local/#')
    await untilHeard([heard], 60)
    await until(async () => (await accountOf(edge)).waiting === 0)
    expect(edge.read((reader) => reader.down())).toMatchObject({ stored: 60, delivered: 60, waiting: 0, problems: [] })
  })

  it('loses nothing and keeps the order of each topic while edge and subscriber are killed again and again', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url)
    const all: Heard[][] = []
    for (let round = 0; round < 4; round++) {
      const { heard } = await subscriber(edge, 'local/#', { clientId: `device-${round}` })
      all.push(heard)
      const publishing = publishNumbers(cloud, round * 150, (round + 1) * 150)
      const target = round * 150 + 40
      await until(() => numbersOf(all.flat()).length >= target, { what: `${target} messages arrive` })
      await edge.kill()
      await publishing
      await edge.start()
    }
    const { heard } = await subscriber(edge, 'local/#')
    all.push(heard)
    await untilHeard(all, 600)
    expect(numbersOf(all.flat())).toEqual(upTo(600))
  })

  it('gets a message whose PUBACK was lost a second time, and loses none', async () => {
    const cloud = await startMosquitto()
    const proxy = await TcpProxy.start({ to: cloud.port })
    const edge = await startEdge(proxy.url)
    const { heard } = await subscriber(edge, 'local/#')
    await publishNumbers(cloud, 0, 30)
    await untilHeard([heard], 30)
    proxy.dial.latencyMs = 200 // PUBACKs are on their way when the connection ends.
    await publishNumbers(cloud, 30, 60)
    await until(() => numbersOf(heard).length > 30)
    await edge.kill()
    proxy.cut()
    proxy.dial.latencyMs = 0
    await edge.start()
    const again = await subscriber(edge, 'local/#')
    await untilHeard([heard, again.heard], 60)
    expect(numbersOf([...heard, ...again.heard])).toEqual(upTo(60))
  })

  it('leaves messages at the cloud broker when its queue is full, says so, and takes them when there is room', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url, { store: { downMax: 40 } })
    await publishNumbers(cloud, 0, 200)
    const full = await until(async () => {
      const status = await edge.status()
      return status.problems.length > 0 ? status : undefined
    })
    expect(full.store.down.waiting).toBe(40)
    expect(full.problems.some((problem) => problem.includes('no room for more'))).toBe(true)
    const { heard } = await subscriber(edge, 'local/#')
    await untilHeard([heard], 200)
    expect(numbersOf(heard)).toEqual(upTo(200))
    await until(async () => (await edge.status()).problems.length === 0)
  })

  it('does not let a topic without a subscriber hold up the others, nor a client that never acknowledges', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url)
    const never = new Promise<void>(() => {})
    await subscriber(edge, 'local/pump/1', { clientId: 'mute', onMessage: () => never })
    const { heard } = await subscriber(edge, 'local/valve')
    await publishNumbers(cloud, 0, 90)
    await until(() => heard.length === 30)
    await until(async () => (await accountOf(edge)).delivered === 30)
    expect((await accountOf(edge)).waiting).toBe(60)
  })

  it('hands a message to a lasting session once more after its client was away, and to a QoS 0 subscriber once', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url)
    const first = await subscriber(edge, 'local/valve', { clientId: 'lasting', session: true })
    first.link.destroy()
    await until(async () => (await edge.status()).broker.sessions.absent === 1)
    const sender = await link(cloud.url, { clientId: 'sender' })
    await sender.publish('commands/site/valve', Buffer.from('open'), { qos: 1 })
    await until(async () => (await accountOf(edge)).waiting === 1)
    const again = await subscriber(edge, 'local/valve', { clientId: 'lasting', session: true })
    await until(() => again.heard.length > 0)
    await until(async () => (await accountOf(edge)).waiting === 0)
    const quick = await subscriber(edge, 'local/pump/1', { clientId: 'quick', qos: 0 })
    await sender.publish('commands/site/pump/1', Buffer.from('on'), { qos: 1 })
    await until(async () => (await accountOf(edge)).delivered === 2)
    expect([again.heard, quick.heard].map((all) => all.map(({ text }) => text))).toEqual([['open'], ['on']])
  })

  it('ignores what the cloud retained if it is for commands, and keeps the latest state if it is for states', async () => {
    const cloud = await startMosquitto()
    const sender = await link(cloud.url, { clientId: 'sender' })
    await sender.publish('commands/site/valve', Buffer.from('old command'), { qos: 1, retain: true })
    await sender.publish('states/site/mode', Buffer.from('night'), { qos: 1, retain: true })
    const states = { topic: 'states/{edge}/#', direction: 'down', to: '{topic}', retain: true }
    const edge = await startEdge(cloud.url, { routes: [DOWN, states] })
    const first = await subscriber(edge, '#')
    await until(() => first.heard.length > 0)
    await until(async () => (await edge.status()).down[0]?.retainedIgnored === 1)
    await until(async () => (await accountOf(edge)).delivered === 1)
    expect(first.heard.map(({ text }) => text)).toEqual(['night'])
    const second = await subscriber(edge, '#', { clientId: 'late' })
    await until(() => second.heard.length > 0)
    expect(second.heard).toEqual([{ topic: 'states/site/mode', text: 'night', retained: true }])
  })

  it('removes messages after `expiryS`, counts them, and its account balances', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url, { routes: [{ ...DOWN, expiryS: 2 }] })
    await publishNumbers(cloud, 0, 30)
    await until(async () => (await accountOf(edge)).expired === 30)
    const { heard } = await subscriber(edge, 'local/#')
    await publishNumbers(cloud, 0, 3)
    await untilHeard([heard], 3)
    await until(async () => (await accountOf(edge)).waiting === 0)
    expect(edge.read((reader) => reader.down())).toMatchObject({ stored: 33, delivered: 3, expired: 30, problems: [] })
    expect(heard).toHaveLength(3)
  })

  it('refuses what it cannot publish, counts it, and delivers what comes after it', async () => {
    const cloud = await startMosquitto()
    const edge = await startEdge(cloud.url, { store: { downBytesMax: 65_536 } })
    const { heard } = await subscriber(edge, 'local/#')
    const sender = await link(cloud.url, { clientId: 'sender' })
    await sender.publish(`commands/site/${'a/'.repeat(100)}b`, Buffer.from('x'), { qos: 1 })
    await sender.publish('commands/site/large', Buffer.alloc(20_000), { qos: 1 })
    await sender.publish('commands/site/pump/1', Buffer.from('0'), { qos: 1 })
    await until(() => heard.some(({ topic }) => topic === 'local/pump/1'))
    await until(async () => (await edge.status()).down[0]!.refused === 2)
    expect(heard.filter(({ topic }) => topic === 'local/large')).toEqual([])
  })

  it('commits readings between its own commits while the cloud sends a flood', async () => {
    const cloud = await startMosquitto({ persistenceFolder: tempFolder() })
    const count = 3_000
    const edge = await startEdge(cloud.url, { routes: [{ ...DOWN, to: '{topic}' }, { topic: 'telemetry/{device}' }] })
    await edge.kill()
    const sender = await link(cloud.url, { clientId: 'sender' })
    const sends = Array.from({ length: count }, (_, n) => {
      return sender.publish(`commands/site/${n % 100}`, Buffer.alloc(1_000), { qos: 1 })
    })
    await Promise.all(sends)
    await edge.start()
    const device = await link(`mqtt://127.0.0.1:${edge.port}`, { clientId: 'device' })
    let readings = 0
    let isOver = false
    const publishing = (async () => {
      while (!isOver) {
        await device.publish('telemetry/pump', Buffer.from(`{"n": ${readings}}`), { qos: 1 })
        readings++
      }
    })()
    await until(async () => (await accountOf(edge)).stored >= count, { deadlineMs: 40_000 })
    isOver = true
    await publishing
    expect(readings).toBeGreaterThan(20) // about one for each commit of at most 64 messages
    expect((await accountOf(edge)).waiting).toBe(count)
  })
})
