import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { pause } from '../../src/base/clock.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'
import { runHere } from '../cli/recorder.ts'
import { readLog } from '../store-thread/spine.ts'

const ROUTES = [{ topic: 'telemetry/{device}/{metric}' }]
const ADDED = { topic: 'plant/{device}/{metric}' }
const WINDOW = 500
/** Times that the edge is killed while it stores messages. */
const ROUNDS = sized(2, 5)
/** Times that it is killed while it replays them. */
const REPLAY_KILLS = sized(2, 5)

/** Adds a route to the settings of an edge that is not running. */
function addRoute(edge: SiteEdge, route: object): void {
  const settings = parse(readFileSync(edge.settingsFile, 'utf8')) as { routes: object[] }
  settings.routes.push(route)
  writeFileSync(edge.settingsFile, stringify(settings))
}

/** Publishes the numbers from `first` on, each to its own topic, until the connection ends. @returns the acknowledged ones */
function publishNumbers(client: RawClient, first: number, qos: 1 | 2): Set<number> {
  const acknowledged = new Set<number>()
  const byId = new Map<number, number>()
  let next = first
  const send = (): void => {
    const value = next++
    const messageId = (value % 65_535) + 1
    byId.set(messageId, value)
    client.send(publishPacket(`plant/pump${value % 7}/n`, `${value}`, { qos, messageId }))
  }
  client.onPacket = ({ cmd, messageId }) => {
    if (cmd !== 'puback' && cmd !== 'pubrec') return
    acknowledged.add(byId.get(messageId!)!)
    if (cmd === 'pubrec') client.send({ cmd: 'pubrel', messageId: messageId! })
    send()
  }
  for (let i = 0; i < WINDOW; i++) send()
  return acknowledged
}

function account(edge: SiteEdge) {
  return edge.read((reader) => reader.unrouted())
}

async function ledgerBalances(edge: SiteEdge): Promise<void> {
  const { code, stderr } = await runHere(['ledger', '-s', edge.settingsFile])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

async function untilReplayed(edge: SiteEdge, count: number): Promise<void> {
  await until(async () => (await edge.status()).store.unrouted.replayed >= count, {
    deadlineMs: 50_000,
    what: `${count} messages are replayed`,
  })
}

/** The values of all readings. */
function valuesOf(edge: SiteEdge): number[] {
  return readLog(edge.folder).map(({ value }) => Number(value))
}

describe('a publish on a topic without a route', () => {
  it.each([1, 2] as const)(
    'with QoS %d is on disk when it is acknowledged: after kill -9 and with a route, all of them become readings, each once',
    async (qos) => {
      const edge = await SiteEdge.create({ routes: ROUTES })
      const acknowledged = new Set<number>()
      for (let round = 0; round < ROUNDS; round++) {
        await edge.start()
        const client = await RawClient.connect(edge.port, `gateway${round}`)
        const some = publishNumbers(client, round * 1_000_000, qos)
        await until(() => some.size > 1_000, { what: 'many are acknowledged' })
        await pause(Math.random() * 50)
        await edge.kill()
        client.destroy()
        for (const value of some) acknowledged.add(value)
      }
      const { waiting, problems } = account(edge)
      expect(problems).toEqual([])
      expect(waiting).toBeGreaterThanOrEqual(acknowledged.size)

      const arrivedBefore = Date.now()
      addRoute(edge, ADDED)
      await edge.start()
      expect((await edge.status()).problems.join('\n')).toContain('tidegate unrouted replay')
      const replay = await runHere(['unrouted', 'replay', '-s', edge.settingsFile])
      expect(replay).toMatchObject({ code: 0 })
      expect(replay.stdout).toContain(`ordered to replay ${waiting} messages`)
      await untilReplayed(edge, waiting)
      expect(readLog(edge.folder).filter(({ ts }) => ts > arrivedBefore)).toEqual([])
      const values = valuesOf(edge)
      expect(values).toHaveLength(waiting)
      expect(new Set(values).size).toBe(waiting)
      expect([...acknowledged].filter((value) => !values.includes(value))).toEqual([])
      expect(account(edge)).toMatchObject({ waiting: 0, replayed: waiting, dropped: 0 })
      expect((await edge.status()).problems.join('\n')).not.toContain('tidegate unrouted replay')
      await ledgerBalances(edge)
      expect(await edge.stop()).toBe(0)
    },
  )

  it('is replayed once, whenever the edge is killed during the replay', async () => {
    const edge = await SiteEdge.create({ routes: ROUTES })
    await edge.start()
    const client = await RawClient.connect(edge.port, 'gateway')
    const acknowledged = publishNumbers(client, 0, 1)
    await until(() => acknowledged.size > 10_000, { deadlineMs: 50_000, what: 'many are acknowledged' })
    client.destroy()
    expect(await edge.stop()).toBe(0)
    const { waiting } = account(edge)
    addRoute(edge, ADDED)
    expect((await runHere(['unrouted', 'replay', '-s', edge.settingsFile])).code).toBe(0)
    const atKills: number[] = []
    for (let kill = 0; kill < REPLAY_KILLS; kill++) {
      const before = account(edge).replayed
      await edge.start()
      await until(() => account(edge).replayed > before || before === waiting, { what: 'the replay goes on' })
      await edge.kill()
      atKills.push(account(edge).replayed)
    }
    expect(atKills[0]).toBeLessThan(waiting)
    await edge.start()
    await until(() => account(edge).replayed === waiting, { what: 'the replay ends' })
    const values = valuesOf(edge)
    expect(values).toHaveLength(waiting)
    expect(new Set(values).size).toBe(waiting)
    await ledgerBalances(edge)
    expect(await edge.stop()).toBe(0)
  })

  it('is replayed in the order of arrival, and a repeat of a reading is recognised', async () => {
    const edge = await SiteEdge.create({ routes: ROUTES })
    await edge.start()
    const client = await RawClient.connect(edge.port, 'gateway')
    for (let i = 0; i < 50; i++) {
      const payload = JSON.stringify({ ts: 1_764_500_000_000 + i * 1_000, value: i })
      client.publish('plant/pump0/n', payload, { qos: 1, messageId: i + 1 })
      client.publish('plant/pump0/n', payload, { qos: 1, messageId: i + 101, dup: true })
    }
    client.publish('plant/oven', 'no reading {', { qos: 1, messageId: 1_001 })
    client.publish('elsewhere/x', '1', { qos: 0 })
    await until(() => client.count('puback') === 101)
    await until(() => account(edge).waiting === 102)
    expect(await edge.stop()).toBe(0)
    addRoute(edge, ADDED)
    addRoute(edge, { topic: 'plant/{device}' })
    await edge.start()
    expect((await edge.status()).store.unrouted).toMatchObject({ count: 102, routed: 101 })
    expect((await runHere(['unrouted', 'replay', '-s', edge.settingsFile])).code).toBe(0)
    await untilReplayed(edge, 101)
    const log = edge.read((reader) => reader.ledger())
    expect(log.find(({ device }) => device === 'pump0')).toMatchObject({ received: 100, stored: 50, duplicate: 50 })
    expect(log.find(({ device }) => device === 'oven')).toMatchObject({ received: 1, rejected: 1 })
    expect(valuesOf(edge)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    await until(async () => (await edge.status()).store.unrouted.routed === 0, { what: 'the replay ends' })
    expect((await edge.status()).store.unrouted).toMatchObject({ count: 1, replayed: 101 })
    await ledgerBalances(edge)
  })

  it('is listed by pattern, and discarded by a filter, which the ledger counts', async () => {
    const edge = await SiteEdge.create({ routes: ROUTES })
    await edge.start()
    const client = await RawClient.connect(edge.port, 'gateway')
    for (let i = 0; i < 30; i++) client.publish(`plant/pump${10 + i}/n`, `${i}`, { qos: 1, messageId: i + 1 })
    client.publish('shellies/plug/power', '12.5', { qos: 1, messageId: 99 })
    await until(() => client.count('puback') === 31)
    const { stdout } = await runHere(['unrouted', 'list', '-s', edge.settingsFile, '--json'])
    expect(JSON.parse(stdout)).toMatchObject([
      { pattern: 'plant/+/n', messages: 30, bytes: 50, last: { topic: 'plant/pump39/n', payloadText: '29' } },
      { pattern: 'shellies/plug/power', messages: 1, last: { client: 'gateway', payloadText: '12.5' } },
    ])
    const table = await runHere(['unrouted', 'list', '-s', edge.settingsFile, '--topic', 'plant/#'])
    expect(table.stdout).toContain('plant/+/n')
    expect(table.stdout).not.toContain('shellies')
    const drop = await runHere(['unrouted', 'drop', '--topic', 'plant/+/n', '-s', edge.settingsFile])
    expect(drop).toMatchObject({ code: 0 })
    await until(() => account(edge).discarded === 30)
    expect(account(edge)).toMatchObject({ stored: 31, waiting: 1, dropped: 0 })
    await ledgerBalances(edge)
  })

  it('is forwarded by a replay if its route says so, in order', async () => {
    const edge = await SiteEdge.create({ routes: ROUTES, uplinks: [{ url: 'mqtt://127.0.0.1:1' }] })
    await edge.start()
    const client = await RawClient.connect(edge.port, 'gateway')
    for (let i = 0; i < 10; i++) client.publish('events/door', `${i}`, { qos: 1, messageId: i + 1 })
    await until(() => client.count('puback') === 10)
    expect(await edge.stop()).toBe(0)
    addRoute(edge, { topic: 'events/#', forward: true })
    await edge.start()
    expect((await runHere(['unrouted', 'replay', '-s', edge.settingsFile])).code).toBe(0)
    await untilReplayed(edge, 10)
    expect(edge.read((reader) => reader.forwards())).toMatchObject([{ stored: 10, waiting: 10, problems: [] }])
    await ledgerBalances(edge)
  })
})
