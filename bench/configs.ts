/**
 * How long does an edge with thousands of configs take to be quiet again after a cold start, and is it quiet then? Each device
 * has one config from the cloud. Started on an empty folder, the edge takes all of them. Killed and started again on its
 * folder, it publishes everything again, to devices and to the cloud. Then nothing changes for a while: every message that the
 * edge publishes in this time fails the bench.
 */
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { pause } from '../src/base/clock.ts'
import { hashOf } from '../src/config/canonical.ts'
import { cloudTopic, localTopic } from '../src/config/topics.ts'
import { renderRevision } from '../src/config/wire.ts'
import { tempFolder } from '../support/folder.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { onStop, stopStarted } from '../support/started.ts'
import { until } from '../support/wait.ts'
import { BenchEdge } from './support/edge.ts'
import { readOptions } from './support/options.ts'
import { HANG_MS } from './support/patience.ts'
import { openForReading } from './support/receiver.ts'
import { figure, machine, machineLine, progress, table } from './support/report.ts'

/** Before the quiet time begins, this long without a message: those on their way must arrive first (ms). */
const SETTLE_MS = 2_000
/** Configs that are published to the cloud broker before the bench waits for an acknowledgement. */
const PUBLISHES_AT_ONCE = 100

const { json, numbers } = readOptions({
  devices: { full: 10_000, small: 500 },
  'quiet-s': { full: 10, small: 3, min: 0, fraction: true },
})
const { devices } = numbers
const quietMs = numbers['quiet-s'] * 1_000

/** Counts the messages that match a filter, and the topics on which they came. */
class Listener {
  readonly #client: MqttClient
  count = 0
  readonly topics = new Set<string>()

  private constructor(client: MqttClient) {
    this.#client = client
  }

  static async connect(url: string, filter: string): Promise<Listener> {
    const client: MqttClient = await connectAsync(url, { reconnectPeriod: 0 })
    const listener = new Listener(client)
    onStop(() => listener.end())
    client.on('message', (topic) => {
      listener.count++
      listener.topics.add(topic)
    })
    await client.subscribeAsync(filter, { qos: 1 })
    return listener
  }

  reset(): void {
    this.count = 0
    this.topics.clear()
  }

  end(): Promise<void> {
    return this.#client.endAsync(true)
  }
}

const nameOf = (i: number): string => `device-${String(i).padStart(5, '0')}`

async function publishConfigs(url: string): Promise<void> {
  const publisher = await connectAsync(url, { reconnectPeriod: 0 })
  for (let i = 0; i < devices; i++) {
    const config = { interval: 60 + (i % 7), name: nameOf(i), limits: { low: i / 10, high: i }, enabled: i % 2 === 0 }
    const rev = { c: 1, ci: 1, e: 0, ei: '' }
    const revision = { rev, base: null, hash: hashOf(config), config, hlc: '1795000000000-0-cloud', by: 'user:bench' }
    const topic = cloudTopic('tidegate', 'bench', nameOf(i), 'desired')
    const sent = publisher.publishAsync(topic, renderRevision(nameOf(i), revision), { qos: 1, retain: true })
    if (i % PUBLISHES_AT_ONCE === PUBLISHES_AT_ONCE - 1 || i === devices - 1) await sent
  }
  await publisher.endAsync()
}

interface Start {
  readonly ms: number
  readonly toCloud: number
  readonly toDevices: number
  readonly quietToCloud: number
  readonly quietToDevices: number
}

/** What stays the same over both starts: the edge's folder, its cloud, and who listens there. */
interface Setting {
  readonly data: string
  readonly cloudUrl: string
  readonly reported: Listener
  readonly heads: Listener
}

/** The clock runs from the start of the process until every config is known and nothing waits to leave. */
async function start({ data, cloudUrl, reported, heads }: Setting): Promise<{ edge: BenchEdge; result: Start }> {
  reported.reset()
  heads.reset()
  const from = performance.now()
  const edge = await BenchEdge.start({ data, uplinks: [{ name: 'cloud', url: cloudUrl }] })
  const local = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, localTopic('+'))
  const database = openForReading(join(data, 'tidegate.db'))
  const number = (sql: string): number => Number(database.prepare(sql).pluck().get())
  await until(
    () =>
      number('SELECT count(*) FROM config_devices') === devices &&
      number('SELECT count(*) FROM config_operations') === 0 &&
      [reported, heads].every(({ topics }) => topics.size === devices),
    { deadlineMs: HANG_MS, what: 'all configs are known and reported, and nothing waits' },
  )
  const ms = performance.now() - from
  await until(() => local.topics.size === devices, { deadlineMs: HANG_MS, what: 'every device has its config' })
  const toCloud = (): number => reported.count + heads.count
  for (let before = -1; before !== toCloud() + local.count; ) {
    before = toCloud() + local.count
    await pause(SETTLE_MS)
  }
  const published = { toCloud: toCloud(), toDevices: local.count }
  await pause(quietMs)
  const quiet = { quietToCloud: toCloud() - published.toCloud, quietToDevices: local.count - published.toDevices }
  await local.end()
  return { edge, result: { ms, ...published, ...quiet } }
}

/** @throws Error when the edge published anything although nothing had changed. */
function verifyQuiet({ quietToCloud, quietToDevices }: Start): void {
  if (quietToCloud + quietToDevices === 0) return
  throw new Error(`nothing has changed, but ${quietToCloud} messages to the cloud and ${quietToDevices} to devices`)
}

try {
  const cloud = await startMosquitto({ config: 'max_queued_messages 0\nmax_inflight_messages 0' })
  progress(`publishing ${devices} configs to the cloud broker`)
  await publishConfigs(cloud.url)
  const setting = {
    data: tempFolder(),
    cloudUrl: cloud.url,
    reported: await Listener.connect(cloud.url, 'tidegate/bench/config/+/reported'),
    heads: await Listener.connect(cloud.url, 'tidegate/bench/config/+/head'),
  }
  const first = await start(setting)
  progress(`taken from the cloud in ${figure(first.result.ms / 1_000)} s`)
  first.edge.process.kill('SIGKILL')
  await first.edge.process.exit
  const again = await start(setting)
  await again.edge.stop()

  const row = (name: string, { ms, toCloud, toDevices, quietToCloud, quietToDevices }: Start): string[] => [
    name,
    figure(ms / 1_000),
    ...[toCloud, toDevices, quietToCloud, quietToDevices].map((one) => one.toLocaleString('en-US')),
  ]
  const later = `in the next ${figure(quietMs / 1_000)} s`
  const head = ['', 's until quiet', 'messages to the cloud', 'to devices', `to the cloud ${later}`, 'to devices']
  const rows = [row('empty folder', first.result), row('after SIGKILL', again.result)]
  console.log(`${machineLine()}\n\n${table(head, rows)}`)
  for (const { result } of [first, again]) verifyQuiet(result)
  if (json) {
    console.log(JSON.stringify({ bench: 'configs', ...machine(), devices, first: first.result, again: again.result }))
  }
} finally {
  await stopStarted()
}
