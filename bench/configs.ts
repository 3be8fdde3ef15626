/**
 * How long does an edge with very many configs take to be quiet again after a cold start, and is it quiet then? Each device
 * has one config from the cloud. Started on an empty folder it takes them all; killed and started again on its folder it
 * says everything again, to devices and to the cloud. Then nothing changes for a while, and every message is counted.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import SQLite from 'better-sqlite3'
import { connectAsync, type MqttClient } from 'mqtt'
import { hashOf } from '../src/config/canonical.ts'
import { cloudTopic, localTopic } from '../src/config/topics.ts'
import { renderRevision } from '../src/config/wire.ts'
import { tempFolder } from '../support/folder.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { stopStarted } from '../support/started.ts'
import { until } from '../support/wait.ts'
import { BenchEdge } from './support/edge.ts'
import { figure, machine, progress, table } from './support/report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    devices: { type: 'string', default: '10000' },
    'quiet-s': { type: 'string', default: '10' },
  },
})
const devices = Number(values.devices)
const quietMs = Number(values['quiet-s']) * 1_000
const DEADLINE_MS = 300_000

/** Messages that came since the last look. */
class Ear {
  #heard = 0

  static async connect(url: string, filter: string): Promise<Ear> {
    const client: MqttClient = await connectAsync(url, { reconnectPeriod: 0 })
    const ear = new Ear()
    client.on('message', () => ear.#heard++)
    await client.subscribeAsync(filter, { qos: 1 })
    return ear
  }

  take(): number {
    const heard = this.#heard
    this.#heard = 0
    return heard
  }
}

const nameOf = (i: number): string => `device-${String(i).padStart(5, '0')}`
const cloud = await startMosquitto({ config: 'max_queued_messages 0\nmax_inflight_messages 0' })
const publisher = await connectAsync(cloud.url, { reconnectPeriod: 0 })
progress(`${devices} configs in the cloud`)
for (let i = 0; i < devices; i++) {
  const config = { interval: 60 + (i % 7), name: nameOf(i), limits: { low: i / 10, high: i }, enabled: i % 2 === 0 }
  const rev = { c: 1, ci: 1, e: 0, ei: '' }
  const revision = { rev, base: null, hash: hashOf(config), config, hlc: '1795000000000-0-cloud', by: 'user:bench' }
  const payload = renderRevision(nameOf(i), revision)
  const sent = publisher.publishAsync(cloudTopic('tidegate', 'bench', nameOf(i), 'desired'), payload, {
    qos: 1,
    retain: true,
  })
  if (i % 100 === 99 || i === devices - 1) await sent
}

const data = tempFolder()
const settings = { data, uplinks: [{ name: 'cloud', url: cloud.url }] }
const ofEdge = await Ear.connect(cloud.url, 'tidegate/bench/config/+/reported')
const heads = await Ear.connect(cloud.url, 'tidegate/bench/config/+/head')

interface Start {
  readonly ms: number
  readonly toCloud: number
  readonly toDevices: number
  readonly quietToCloud: number
  readonly quietToDevices: number
}

/** From the start of the process until every config is known and nothing waits to leave. */
async function start(): Promise<{ edge: BenchEdge; result: Start }> {
  ofEdge.take()
  heads.take()
  const from = performance.now()
  const edge = await BenchEdge.start(settings)
  const local = await Ear.connect(`mqtt://127.0.0.1:${edge.port}`, localTopic('+'))
  const database = new SQLite(join(data, 'tidegate.db'), { readonly: true, timeout: 1_000 })
  const number = (sql: string): number => Number(database.prepare(sql).pluck().get())
  let toCloud = 0
  await until(
    () => {
      toCloud += ofEdge.take() + heads.take()
      const known = number('SELECT count(*) FROM config_devices') === devices
      return known && number('SELECT count(*) FROM config_operations') === 0 && toCloud >= 2 * devices
    },
    { deadlineMs: DEADLINE_MS, what: 'all configs are known, and nothing waits' },
  )
  const ms = performance.now() - from
  const toDevices = local.take()
  await new Promise((resolve) => setTimeout(resolve, quietMs))
  const quiet = { quietToCloud: ofEdge.take() + heads.take(), quietToDevices: local.take() }
  database.close()
  return { edge, result: { ms, toCloud, toDevices, ...quiet } }
}

const first = await start()
progress(`taken from the cloud in ${figure(first.result.ms / 1_000)} s`)
first.edge.process.kill('SIGKILL')
await first.edge.process.exit
const again = await start()
await again.edge.process.stop()
await stopStarted()
publisher.end(true)

if (values.json) console.log(JSON.stringify({ machine: machine(), devices, first: first.result, again: again.result }))
else {
  const row = (name: string, { ms, toCloud, toDevices, quietToCloud, quietToDevices }: Start): string[] => [
    name,
    figure(ms / 1_000),
    ...[toCloud, toDevices, quietToCloud, quietToDevices].map((one) => one.toLocaleString('en-US')),
  ]
  const later = `in ${figure(quietMs / 1_000)} s after it`
  const head = ['', 's until quiet', 'messages to the cloud', 'to devices', `to the cloud ${later}`, 'to devices']
  console.log(table(head, [row('empty folder', first.result), row('after SIGKILL', again.result)]))
}
process.exit(0)
