import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import {
  accountOf,
  DOWN,
  link,
  numbersOf,
  publishNumbers,
  startEdge,
  subscriber,
  untilHeard,
  upTo,
} from './down-scene.ts'

describePeer('mosquitto', 'the limits of a down route', () => {
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
