import { beforeEach, describe, expect, it } from 'vitest'
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

/** Sent together, to find out whether one receiver gets all of them. */
const PROBE_BATCHES = 16
/** If a probe is not answered completely within this time, the next one follows. */
const PROBE_MS = 500

/** The shared sink as one receiver sees it; its commits can be held back. */
class SharedSink implements Sink {
  readonly #inner: SqliteSink
  /** Every commit of this receiver waits for this promise. */
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

/** Positions that are answered as stored. */
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

  it('share the batches: each goes to one of them, and is answered once', async () => {
    const [a, b] = [
      await startReceiving(broker.url, new SharedSink(inner), named('a', broker.url)),
      await startReceiving(broker.url, new SharedSink(inner), named('b', broker.url)),
    ]
    expect([a.stats().sharing, b.stats().sharing]).toEqual(['shared', 'shared'])
    const edge = await startEdge(broker.url)
    let sent = 0
    const sendOne = (): Promise<void> => edge.send('live', encoded([reading(++sent)]))
    while (sent < 40) await sendOne()
    const bothReceive = async (): Promise<boolean> => {
      await sendOne()
      return a.stats().batches > 0 && b.stats().batches > 0
    }
    await until(bothReceive, { what: 'the broker has given batches to both' })
    await until(() => answered(edge).count === sent, { what: 'every batch is answered' })
    expect(a.stats().batches + b.stats().batches).toBe(sent)
    expect(edge.receipts).toHaveLength(sent)
    expect([a.stats().repeats, b.stats().repeats]).toEqual([0, 0])
  })

  it('lose nothing when one of them loses its connection; when its session expires, the other gets its share', async () => {
    const proxy = await startProxy({ to: broker.port })
    const doomed = new SharedSink(inner)
    const end = Promise.withResolvers<void>()
    doomed.hold = end.promise
    const lost = await startReceiving(proxy.url, doomed, named('doomed', proxy.url, { sessionExpiryS: 1 }))
    onStop(() => end.resolve())
    await startReceiving(broker.url, new SharedSink(inner), named('survivor', broker.url))
    const edge = await startEdge(broker.url)
    let sent = 0
    const sendOne = (): Promise<void> => edge.send('live', encoded([reading(++sent)]))
    const bothReceive = async (): Promise<boolean> => {
      await sendOne()
      return lost.stats().open.messages > 0 && answered(edge).count > 0
    }
    await until(bothReceive, { what: 'one receiver holds a batch, and the other has answered one' })
    proxy.dial.refuse = true
    proxy.cut()
    for (let more = 0; more < 10; more++) await sendOne()
    const resend = async (): Promise<boolean> => {
      // An edge does the same after its confirm timeout.
      for (const { first, last } of answered(edge).missing({ first: 1, last: sent })) {
        for (let seq = first; seq <= last; seq++) await edge.send('live', encoded([reading(seq)]))
      }
      return answered(edge).count === sent
    }
    await until(resend, { what: 'the other receiver has answered every batch' })
    let probes = 0
    const isAlone = async (): Promise<boolean> => {
      const run = `probe-${++probes}`
      const answers = (): number => edge.receipts.filter((receipt) => receipt.run === run).length
      for (let times = 0; times < PROBE_BATCHES; times++) await edge.send('live', encoded([reading(1)], { run }))
      return until(() => answers() === PROBE_BATCHES, { deadlineMs: PROBE_MS }).catch(() => false)
    }
    await until(isAlone, { what: 'the other receiver gets all batches' })
    expect(await inner.fleet.edges()).toMatchObject([{ readings: sent }])
  })

  it('receive the batches that were sent while they were restarted', async () => {
    const first = await startReceiving(broker.url, new SharedSink(inner), named('one', broker.url))
    const edge = await startEdge(broker.url)
    await first.stop()
    for (let seq = 1; seq <= 5; seq++) await edge.send('live', encoded([reading(seq)]))
    await startReceiving(broker.url, new SharedSink(inner), named('one', broker.url))
    await until(() => answered(edge).count === 5)
  })

  it('report that two have the same client id, and still receive', async () => {
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

describe('a receiver whose broker has no shared subscriptions', () => {
  it('uses the plain subscription with MQTT 3.1.1', async () => {
    const { url } = await startAedes()
    const receiver = await startReceiving(url, openSink())
    expect(receiver.stats().sharing).toBe('plain')
  })

  /** A link that records the requests. */
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

  it('uses the plain subscription if the broker has no shared ones, or refuses them', async () => {
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

  it('removes the plain subscription of an earlier session when it uses the shared one', async () => {
    const { link, asked } = linkTo({ shared: true, session: true })
    expect(await subscribeToBatches(link, of)).toBe('shared')
    expect(asked).toEqual([`+ ${shared}`, `- ${plain}`])
  })
})

describe('the client id of a receiver', () => {
  it('is the setting, or by default derived from the data folder and always the same', () => {
    const cloud = { clientId: undefined }
    expect(clientIdOf({ cloud: { clientId: 'mine' }, data: '/a' })).toBe('mine')
    expect(clientIdOf({ cloud, data: '/a' })).toBe(clientIdOf({ cloud, data: '/a' }))
    expect(clientIdOf({ cloud, data: '/a' })).not.toBe(clientIdOf({ cloud, data: '/b' }))
    expect(clientIdOf({ cloud, data: '/a' })).toMatch(/^tidegate-receiver-[A-Za-z0-9.-]+-[0-9a-f]{8}$/)
  })
})
