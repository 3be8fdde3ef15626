import { connect, connectAsync, type MqttClient } from 'mqtt'
import { pause } from '../../src/base/clock.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { BenchEdge } from './edge.ts'
import { HANG_MS } from './patience.ts'
import type { BenchReceiver } from './receiver.ts'

const POLL_MS = 20
/** Each device publishes a reading at this interval (ms). */
const EVERY_MS = 200
/** The subscriber of the bridges connects again after this time (ms), so that it is not what is measured. */
const SUBSCRIBER_MS = 100

/** From the return of what was away: until the first message arrived, and until the last one of the outage (ms). */
export interface Back {
  readonly firstMs: number
  readonly lastMs: number
}

/** The numbers 1, 2, 3, …, one every EVERY_MS, published with QoS 1 at an edge and at the site of a bridge. */
class Device {
  published = 0
  readonly #clients: readonly MqttClient[]
  readonly #timer: NodeJS.Timeout

  private constructor(clients: readonly MqttClient[]) {
    this.#clients = clients
    this.#timer = setInterval(() => this.#publish(), EVERY_MS)
    onStop(() => this.stop())
  }

  static async start(ports: readonly number[]): Promise<Device> {
    return new Device(
      await Promise.all(ports.map((port) => connectAsync({ host: '127.0.0.1', port, reconnectPeriod: 0 }))),
    )
  }

  #publish(): void {
    const payload = `{"value":${++this.published},"ts":${Date.now()}}`
    for (const client of this.#clients) client.publish('telemetry/pump/pressure', payload, { qos: 1 })
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#clients.map((client) => client.endAsync(true)))
  }
}

/** What has arrived of one site over one way. */
interface Arrivals {
  count(): number
  /** Whether the numbers 1 … `last` have all arrived. */
  hasAll(last: number): boolean
}

/** One site: a device, an edge, and a Mosquitto with a bridge to the same cloud broker. */
export class OutageSite {
  readonly device: Device
  readonly ways: Readonly<Partial<Record<'tidegate' | 'bridge', Arrivals>>>
  readonly #edge: BenchEdge

  private constructor(device: Device, ways: OutageSite['ways'], edge: BenchEdge) {
    this.device = device
    this.ways = ways
    this.#edge = edge
  }

  /** @param options `url`: the cloud broker; `bridge`: undefined: none */
  static async start(
    name: string,
    { url, receiver, bridge }: { url: string; receiver: BenchReceiver; bridge?: BridgeSubscriber },
  ): Promise<OutageSite> {
    const edge = await BenchEdge.start({ edge: name, uplinks: [{ name: 'cloud', url }] })
    const site = bridge && (await startBridge(name, url))
    const device = await Device.start([edge.port, ...(site === undefined ? [] : [site.port])])
    const ways = { tidegate: arrivalsAt(receiver, name), ...(bridge && { bridge: bridge.of(name) }) }
    return new OutageSite(device, ways, edge)
  }

  /** Ends the device and the edge. */
  async stop(): Promise<void> {
    await this.device.stop()
    await this.#edge.stop()
  }

  /** Resolves when everything that was published so far has arrived over every way. */
  async untilAllArrived(): Promise<void> {
    const { published } = this.device
    await eventually(() => Object.values(this.ways).every((way) => way.hasAll(published)), 'everything has arrived')
  }

  /** Measures from now on; what is away now was away until now. */
  async measure(): Promise<Partial<Record<'tidegate' | 'bridge', Back>>> {
    const { published } = this.device
    const from = performance.now()
    const one = async (way: Arrivals): Promise<Back> => {
      const before = way.count()
      await eventually(() => way.count() > before, 'the first message arrives')
      const firstMs = performance.now() - from
      await eventually(() => way.hasAll(published), 'all messages of the outage arrive')
      return { firstMs, lastMs: performance.now() - from }
    }
    const { tidegate, bridge } = this.ways
    const [ours, theirs] = await Promise.all([tidegate && one(tidegate), bridge && one(bridge)])
    return { ...(ours && { tidegate: ours }), ...(theirs && { bridge: theirs }) }
  }
}

async function eventually(isDone: () => boolean, what: string): Promise<void> {
  const done = async (): Promise<boolean> => {
    if (isDone()) return true
    await pause(POLL_MS)
    return false
  }
  await until(done, { deadlineMs: HANG_MS, what })
}

/** Readings of one edge in the database of the receiver. A receiver that is killed leaves its database behind. */
function arrivalsAt(receiver: BenchReceiver, edge: string): Arrivals {
  const count = receiver.database.prepare('SELECT count(*) FROM readings WHERE edge = ?').pluck()
  const different = receiver.database.prepare(
    'SELECT count(DISTINCT value) FROM readings WHERE edge = ? AND value <= ?',
  )
  return {
    count: () => count.get(edge) as number,
    hasAll: (last) => different.pluck().get(edge, last) === last,
  }
}

/** Mosquitto with its defaults for a bridge, except that it keeps what it cannot send. */
function startBridge(name: string, url: string): Promise<Mosquitto> {
  const config = `
      max_queued_messages 0
      connection ${name}
      address ${new URL(url).host}
      topic telemetry/# out 1 "" ${name}/
      cleansession false
      notifications false`
  return startMosquitto({ config: config.replace(/^ +/gm, '') })
}

/** A subscriber in the cloud to what the bridges of all sites send. It keeps its session and connects again at once. */
export class BridgeSubscriber {
  readonly #numbers = new Map<string, Set<number>>()

  static async start(url: string): Promise<BridgeSubscriber> {
    const subscriber = new BridgeSubscriber()
    const options = { clientId: 'subscriber', clean: false, reconnectPeriod: SUBSCRIBER_MS }
    const client = connect(url, options)
    onStop(() => client.endAsync(true))
    client.on('message', (topic, payload) => subscriber.#take(topic.split('/')[0]!, payload))
    client.on('error', () => undefined) // it connects again
    await new Promise<void>((resolve) => client.once('connect', () => resolve()))
    await client.subscribeAsync('+/telemetry/#', { qos: 1 })
    return subscriber
  }

  #take(site: string, payload: Buffer): void {
    const numbers = this.#numbers.get(site) ?? new Set()
    this.#numbers.set(site, numbers.add((JSON.parse(payload.toString()) as { value: number }).value))
  }

  of(site: string): Arrivals {
    const numbers = (): ReadonlySet<number> => this.#numbers.get(site) ?? new Set()
    return {
      count: () => numbers().size,
      hasAll: (last) => Array.from({ length: last }, (_, i) => i + 1).every((number) => numbers().has(number)),
    }
  }
}
