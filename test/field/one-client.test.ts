import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { isLarge, sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'

/** How long a flood lasts, as a number of readings of the honest client, which sends ten a second. */
const READINGS = sized(15, 40)
const READING_MS = 100
/** Bytes of a flood that are not sent yet, at most; and a bound on its messages, should the edge take all. */
const UNSENT_MAX = 1_000_000
const MESSAGES_MAX = 50_000
/** The honest client waits this long for its last acknowledgements (ms). */
const DEADLINE_MS = 20_000

/** A client that publishes ten readings a second with QoS 1, and measures when they are acknowledged. */
class HonestClient {
  readonly latencies: number[] = []
  readonly #client: RawClient
  readonly #sent = new Map<number, number>()

  private constructor(client: RawClient) {
    this.#client = client
    client.onPacket = ({ cmd, messageId }) => {
      const sentAt = cmd === 'puback' ? this.#sent.get(messageId!) : undefined
      if (sentAt === undefined) return
      this.latencies.push(performance.now() - sentAt)
      this.#sent.delete(messageId!)
    }
  }

  static async connect(edge: SiteEdge): Promise<HonestClient> {
    return new HonestClient(await RawClient.connect(edge.port, 'honest'))
  }

  async publishAll(): Promise<void> {
    for (let messageId = 1; messageId <= READINGS; messageId++) {
      this.#sent.set(messageId, performance.now())
      this.#client.publish('telemetry/honest/t', `${messageId}`, { qos: 1, messageId })
      await pause(READING_MS)
    }
    await until(() => this.latencies.length === READINGS, {
      deadlineMs: DEADLINE_MS,
      what: 'all readings of the honest client are acknowledged',
    })
    expect(this.#client.closed).toBe(false)
  }

  get summary(): string {
    const sorted = this.latencies.toSorted((a, b) => a - b)
    const at = (share: number): string => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0)
    return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, max ${at(1)} ms`
  }
}

/** Sends messages as fast as the edge takes them, until it is stopped. */
class Flood {
  sent = 0
  #isStopped = false
  readonly #done: Promise<void>

  constructor(client: RawClient, send: (client: RawClient, i: number) => void) {
    this.#done = this.#run(client, send)
  }

  async #run(client: RawClient, send: (client: RawClient, i: number) => void): Promise<void> {
    while (!this.#isStopped && !client.closed && this.sent < MESSAGES_MAX) {
      if (client.unsentBytes > UNSENT_MAX) await pause(5)
      else for (let i = 0; i < 10; i++) send(client, this.sent++)
      await new Promise(setImmediate)
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }
}

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const ARRAY = `[${many(10_000, () => '1').join()}]`
const OBJECT = JSON.stringify(Object.fromEntries(many(9_000, (i) => [`k${i}`, i])))
const CONFIG = JSON.stringify({ id: 'x', config: Object.fromEntries(many(1_900, (i) => [`k${i}`, i])) })
const TEXT = JSON.stringify({ value: 'x'.repeat(4_000) })
const REJECT = `{${'x'.repeat(60_000)}`
const TIME = 1_790_000_000_000

const qos1 = (i: number) => ({ qos: 1, messageId: (i % 65_535) + 1 }) as const

/** What one client sends; 4 connections send it at once, each with a client id of its own. */
const FLOODS: Record<string, (client: RawClient, i: number) => void> = {
  'arrays of 10,000 readings': (client) => client.publish('telemetry/flood/x', ARRAY, { qos: 0 }),
  'arrays of 10,000 readings with QoS 1': (client, i) => client.publish('telemetry/flood/x', ARRAY, qos1(i)),
  'objects with 9,000 members': (client) => client.publish('telemetry/flood', OBJECT, { qos: 0 }),
  'small arrays': (client) => client.publish('telemetry/flood/x', '[1,1,1,1,1,1,1,1,1,1,1,1,1]', { qos: 0 }),
  'edits of configs': (client, i) => client.publish(`devices/d${i % 500}/config/set`, CONFIG, qos1(i)),
  'edits of a megabyte': (client, i) => client.publish(`devices/d${i % 9}/config/set`, ' '.repeat(900_000), qos1(i)),
  'messages that are rejected': (client) => client.publish('telemetry/flood', REJECT, { qos: 0 }),
  'other values of one time': (client, i) =>
    client.publish('telemetry/flood/x', `{"value":${i},"ts":${TIME}}`, { qos: 0 }),
  'repeats with the DUP flag': (client, i) =>
    client.publish('telemetry/flood/x', `{"value":1,"ts":${TIME}}`, { ...qos1(i), dup: true }),
  'messages without a route, each on a topic of its own': (client, i) => client.publish(`x${i}/y`, '1', qos1(i)),
  'messages of 60 KB without a route': (client, i) => client.publish('x/y', REJECT, qos1(i)),
  'texts of 4 KB': (client) => client.publish('telemetry/flood/x', TEXT, { qos: 0 }),
}

/** Floods that delayed the readings of others when nothing was shared fairly. The others run in `npm run test:large`. */
const DELAYED = ['arrays of 10,000 readings', 'objects with 9,000 members', 'small arrays', 'edits of a megabyte']

describe('a flood of one client does not stop the readings of another', () => {
  let edge: SiteEdge
  beforeEach(async () => {
    edge = await SiteEdge.create({ store: { sealRows: 65_536 } })
    await edge.start({ NODE_OPTIONS: '--max-old-space-size=256' })
  })
  afterEach(() => edge.kill())

  /** The flood may still wait; what was acknowledged to the honest client is stored, and nothing was refused. */
  async function expectIntact(honest: HonestClient): Promise<void> {
    process.stdout.write(`  ${honest.summary}\n`)
    expect((await edge.status()).store.refusedBecause).toBeUndefined()
    const ledger = edge.read((reader) => reader.ledger())
    expect(ledger.flatMap(({ problems }) => problems)).toEqual([])
    expect(ledger.find(({ device }) => device === 'honest')).toMatchObject({ received: READINGS, stored: READINGS })
  }

  it.each(Object.entries(FLOODS).filter(([name]) => isLarge || DELAYED.includes(name)))(
    'of %s',
    async (_name, send) => {
      const honest = await HonestClient.connect(edge)
      const clients = await Promise.all(many(4, (i) => RawClient.connect(edge.port, `flood${i}`)))
      const floods = clients.map((client) => new Flood(client, send))
      await honest.publishAll()
      await Promise.all(floods.map((flood) => flood.stop()))
      for (const client of clients) client.destroy()
      await expectIntact(honest)
    },
  )

  it('of questions for the status over HTTP', async () => {
    const honest = await HonestClient.connect(edge)
    const question = Buffer.from(`GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:${edge.webPort}\r\n\r\n`.repeat(200))
    let isStopped = false
    const sockets = many(4, () => connect(edge.webPort, '127.0.0.1').on('error', () => undefined))
    const asking = Promise.all(
      sockets.map(async (socket) => {
        while (!isStopped && !socket.destroyed) {
          if (socket.writableLength < UNSENT_MAX) socket.write(question)
          await pause(2)
        }
        socket.destroy()
      }),
    )
    await honest.publishAll()
    isStopped = true
    await asking
    await expectIntact(honest)
  })
})

describe('edits of configs', () => {
  it('are answered with 429 when configs take their bytes, and readings are stored as before', async () => {
    const edge = await SiteEdge.create({ config: { bytesMax: 100_000 } })
    await edge.start()
    const editor = await RawClient.connect(edge.port, 'editor')
    await editor.subscribe('devices/+/config/result', 0)
    const codes: number[] = []
    editor.onPacket = (packet) => {
      if (packet.cmd === 'publish') codes.push((JSON.parse(packet.payload.toString()) as { code: number }).code)
    }
    for (let i = 0; i < 20; i++) editor.publish(`devices/d${i}/config/set`, CONFIG, qos1(i))
    await until(() => codes.length === 20, { what: 'all edits are answered' })
    expect(codes.filter((code) => code === 429).length).toBeGreaterThan(10)
    const { configs } = (await edge.status()).store
    expect(configs.bytesMax).toBe(100_000)
    expect(configs.bytes).toBeLessThan(200_000)
    expect((await edge.status()).problems.join('\n')).toContain('config.bytesMax')
    const first = codes.length
    editor.publish('devices/d0/config/set', '{"id": "y", "delete": true}', qos1(100))
    await until(() => codes.length > first, { what: 'a deletion is answered' })
    expect(codes.at(-1)).toBe(200)
    editor.publish('telemetry/editor/t', '1', qos1(101))
    await until(() => editor.received.some((one) => one.cmd === 'puback' && one.messageId === 102))
    await edge.kill()
  })
})
