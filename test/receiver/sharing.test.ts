import { beforeEach, describe, expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { SeqSet } from '../../src/base/ranges.ts'
import { type Link, LinkError } from '../../src/link/link.ts'
import { clientIdOf } from '../../src/receiver/client-id.ts'
import type { Delivery, Sink, StoreResult } from '../../src/receiver/sink.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { subscribeToBatches } from '../../src/receiver/subscription.ts'
import type { ReceiverSettings } from '../../src/settings/receiver.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startAedes } from '../link/brokers.ts'
import { encoded, reading } from './batches.ts'
import { settingsFor, startEdge, startReceiving, type TestEdge } from './scene.ts'

/** One sink of several receivers; each comes with a dial of its own. */
class SharedSink implements Sink {
  readonly #inner: SqliteSink
  /** A commit of this receiver waits for it. */
  hold: Promise<void> = Promise.resolve()

  constructor(inner: SqliteSink) {
    this.#inner = inner
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> {
    await this.hold
    return this.#inner.store(deliveries, receivedAt)
  }

  close(): void {}
}

function openSink(): SqliteSink {
  const sink = SqliteSink.open(tempFolder())
  onStop(() => sink.close())
  return sink
}

function named(
  clientId: string,
  url: string,
  more: Partial<ReceiverSettings['cloud']> = {},
): Partial<ReceiverSettings> {
  return { cloud: { ...settingsFor(url).cloud, clientId, ...more } }
}

/** The positions that were answered. */
function answered({ receipts }: TestEdge): SeqSet {
  return new SeqSet(receipts.filter(({ kind }) => kind === 'stored').flatMap(({ ranges }) => ranges))
}

describePeer('mosquitto', 'receivers of one group over Mosquitto', () => {
  let broker: Mosquitto
  let inner: SqliteSink
  beforeEach(async () => {
    broker = await startMosquitto()
    inner = openSink()
  })

  it('share the batches: each is given to one of them, and answered once', async () => {
    const [a, b] = [
      await startReceiving(broker.url, new SharedSink(inner), named('a', broker.url)),
      await startReceiving(broker.url, new SharedSink(inner), named('b', broker.url)),
    ]
    expect([a.stats().sharing, b.stats().sharing]).toEqual(['shared', 'shared'])
    const edge = await startEdge(broker.url)
    for (let seq = 1; seq <= 40; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => answered(edge).count === 40)
    const batches = [a.stats().batches, b.stats().batches]
    expect(batches[0]! + batches[1]!).toBe(40)
    expect(Math.min(...batches)).toBeGreaterThan(10)
    expect(edge.receipts).toHaveLength(40)
    expect([a.stats().repeats, b.stats().repeats]).toEqual([0, 0])
  })

  it('lose nothing when one of them is gone without a word; its share comes to the others when its session is over', async () => {
    const proxy = await startProxy({ to: broker.port })
    const doomed = new SharedSink(inner)
    const end = Promise.withResolvers<void>()
    doomed.hold = end.promise
    await startReceiving(proxy.url, doomed, named('doomed', proxy.url, { sessionExpiryS: 1 }))
    onStop(() => end.resolve())
    const survivor = await startReceiving(broker.url, new SharedSink(inner), named('survivor', broker.url))
    const edge = await startEdge(broker.url)
    for (let seq = 1; seq <= 20; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(() => answered(edge).count >= 10)
    proxy.dial.refuse = true
    proxy.cut()
    for (let seq = 21; seq <= 30; seq++) await edge.send('live', encoded([reading(seq)]))
    await until(async () => {
      // As an edge does whose time for an answer has passed.
      for (const { first, last } of answered(edge).missing({ first: 1, last: 30 })) {
        for (let seq = first; seq <= last; seq++) await edge.send('live', encoded([reading(seq)]))
      }
      return answered(edge).count === 30
    })
    let probes = 0
    const alone = async (): Promise<boolean> => {
      const run = `probe-${++probes}`
      const answers = (): number => edge.receipts.filter((receipt) => receipt.run === run).length
      for (let times = 0; times < 4; times++) await edge.send('live', encoded([reading(1)], { run }))
      await until(() => answers() >= 2)
      await pause(50)
      return answers() === 4
    }
    await until(alone, { what: 'the survivor gets all' })
    expect(survivor.stats().batches).toBeGreaterThan(20)
    expect(inner.fleet.edges()).toMatchObject([{ readings: 30 }])
  })

  it('find what was sent while they were started anew', async () => {
    const first = await startReceiving(broker.url, new SharedSink(inner), named('one', broker.url))
    const edge = await startEdge(broker.url)
    await first.stop()
    for (let seq = 1; seq <= 5; seq++) await edge.send('live', encoded([reading(seq)]))
    await startReceiving(broker.url, new SharedSink(inner), named('one', broker.url))
    await until(() => answered(edge).count === 5)
  })

  it('tell when two have the same client id, and go on receiving', async () => {
    const [a, b] = [
      await startReceiving(broker.url, new SharedSink(inner), named('twin', broker.url)),
      await startReceiving(broker.url, new SharedSink(inner), named('twin', broker.url)),
    ]
    await until(() => [a, b].some((one) => one.stats().trouble?.includes('another client seems to use the id twin')))
    const edge = await startEdge(broker.url)
    await until(async () => {
      await edge.send('live', encoded([reading(1)]))
      return answered(edge).count === 1
    })
  })
})

describe('a receiver whose broker cannot share', () => {
  it('gets all by itself: MQTT 3.1.1 has no shared subscriptions', async () => {
    const { url } = await startAedes()
    const receiver = await startReceiving(url, openSink())
    expect(receiver.stats().sharing).toBe('plain')
  })

  /** A link that writes down what is asked of it. */
  function linkTo(says: { shared: boolean; refuses?: string; session?: boolean }) {
    const asked: string[] = []
    const subscribe = async (filter: string): Promise<void> => {
      asked.push(`+ ${filter}`)
      if (filter === says.refuses) throw new LinkError('refused', 'not authorized')
    }
    const unsubscribe = async (filter: string): Promise<void> => void asked.push(`- ${filter}`)
    const link = { sharedSubscriptions: says.shared, sessionPresent: says.session ?? false, subscribe, unsubscribe }
    return { link: link as Partial<Link> as Link, asked }
  }
  const of = { prefix: 'tidegate', group: 'g' }
  const plain = 'tidegate/+/up/#'
  const shared = `$share/g/${plain}`

  it('asks for the plain subscription where the broker says that it has no other, or refuses the shared one', async () => {
    const without = linkTo({ shared: false })
    expect(await subscribeToBatches(without.link, of)).toBe('plain')
    expect(without.asked).toEqual([`+ ${plain}`])
    const refusing = linkTo({ shared: true, refuses: shared })
    expect(await subscribeToBatches(refusing.link, of)).toBe('plain')
    expect(refusing.asked).toEqual([`+ ${shared}`, `+ ${plain}`])
    await expect(subscribeToBatches(linkTo({ shared: false, refuses: plain }).link, of)).rejects.toThrow(
      'not authorized',
    )
  })

  it('does not keep the plain subscription of an earlier session beside the shared one', async () => {
    const { link, asked } = linkTo({ shared: true, session: true })
    expect(await subscribeToBatches(link, of)).toBe('shared')
    expect(asked).toEqual([`+ ${shared}`, `- ${plain}`])
  })
})

describe('the client id of a receiver', () => {
  it('is the setting, or else one for each data folder that stays the same', () => {
    const cloud = { clientId: undefined }
    expect(clientIdOf({ cloud: { clientId: 'mine' }, data: '/a' })).toBe('mine')
    expect(clientIdOf({ cloud, data: '/a' })).toBe(clientIdOf({ cloud, data: '/a' }))
    expect(clientIdOf({ cloud, data: '/a' })).not.toBe(clientIdOf({ cloud, data: '/b' }))
    expect(clientIdOf({ cloud, data: '/a' })).toMatch(/^tidegate-receiver-[A-Za-z0-9.-]+-[0-9a-f]{8}$/)
  })
})
