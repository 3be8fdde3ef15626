import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import {
  accountOf,
  DOWN,
  type Heard,
  link,
  numbersOf,
  publishNumbers,
  startEdge,
  subscriber,
  untilHeard,
  upTo,
} from './down-scene.ts'

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
    for (let round = 0; round < 2; round++) {
      const { heard } = await subscriber(edge, 'local/#', { clientId: `device-${round}` })
      all.push(heard)
      const publishing = publishNumbers(cloud, round * 90, (round + 1) * 90)
      const target = round * 90 + 30
      await until(() => numbersOf(all.flat()).length >= target, {
        deadlineMs: 40_000,
        what: `${target} messages arrive`,
      })
      await edge.kill()
      await publishing
      await edge.start()
    }
    const { heard } = await subscriber(edge, 'local/#')
    all.push(heard)
    await untilHeard(all, 180)
    expect(numbersOf(all.flat())).toEqual(upTo(180))
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
})
