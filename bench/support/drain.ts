import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { connectAsync } from 'mqtt'
import { pause } from '../../src/base/clock.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startScript } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import { BenchEdge } from './edge.ts'
import { runLoad } from './load.ts'

const DRAIN_MS = 600_000
const POLL_MS = 20
/** A live reading is published so often (ms). */
const LIVE_EVERY_MS = 100

export interface DrainOptions {
  /** Folder with a backlog; it is copied. */
  readonly backlog: string
  readonly readings: number
  /** Added to every round trip between the site and the cloud (ms). */
  readonly roundTripMs?: number
  readonly uplink?: object
}

export interface Drained {
  readonly perSecond: number
  /** From a live reading's publish until it can be read in the receiver's database (ms), ascending. */
  readonly liveMs: readonly number[]
  readonly bytesPerReading: number
  /** CPU seconds of the processes for a million readings. */
  readonly cpu: Readonly<Record<'edge' | 'receiver', number>>
}

/** An edge with a backlog meets its cloud again: from the edge being ready until the receiver has all of it. */
export async function drain({ backlog, readings, roundTripMs = 0, uplink = {} }: DrainOptions): Promise<Drained> {
  const cloud = await startMosquitto({ config: 'max_inflight_messages 0' })
  const link = await startProxy({ to: cloud.port })
  link.dial.latencyMs = roundTripMs / 2
  const receiver = await startReceiver(cloud.url)
  const folder = tempFolder()
  cpSync(backlog, folder, { recursive: true })
  const url = roundTripMs > 0 ? link.url : cloud.url
  const edge = await BenchEdge.start({ data: folder, uplinks: [{ name: 'cloud', url, ...uplink }] })
  const from = performance.now()
  const live = new LiveDevice(edge.port, receiver.database)
  await live.start()
  const arrived = (): number => receiver.number('SELECT coalesce(sum(last - first + 1), 0) FROM positions')
  await until(
    async () => {
      await pause(POLL_MS)
      live.look()
      return arrived() >= readings
    },
    { deadlineMs: DRAIN_MS, what: `${readings} readings have arrived` },
  )
  const ms = performance.now() - from
  await live.stop()
  const stored = receiver.number('SELECT count(*) FROM reading')
  if (stored < readings) throw new Error(`${stored} readings arrived of ${readings}`)
  const perMillion = (cpuS: number): number => (cpuS / stored) * 1e6
  const cpu = { edge: perMillion(cpuSeconds(edge.process.pid)), receiver: perMillion(cpuSeconds(receiver.process.pid)) }
  await edge.process.stop()
  await receiver.process.stop()
  receiver.close()
  await cloud.stop()
  return {
    perSecond: (readings / ms) * 1_000,
    liveMs: live.ms.toSorted((a, b) => a - b),
    bytesPerReading: link.bytesUp / readings,
    cpu,
  }
}

/** User and system time of a process so far (proc(5): fields 14 and 15 of stat, in hundredths of a second). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function startReceiver(url: string) {
  const folder = tempFolder()
  const file = join(folder, 'receiver.yaml')
  writeFileSync(file, JSON.stringify({ cloud: { url }, data: folder, log: { level: 'error' } }))
  const running = startScript('dist/main.js', ['receive', '-s', file])
  await running.waitFor(/has started/)
  const database = new SQLite(join(folder, 'received.db'), { readonly: true, timeout: 1_000 })
  return {
    process: running,
    database,
    number: (sql: string): number => Number(database.prepare(sql).pluck().get()),
    close: () => void database.close(),
  }
}

/** Publishes a reading now and then, and looks for each in the receiver's database. */
class LiveDevice {
  readonly ms: number[] = []
  readonly #port: number
  readonly #database: SQLite.Database
  readonly #publishedAt = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined
  #client: Awaited<ReturnType<typeof connectAsync>> | undefined
  #series: number | undefined
  #lastTs = 0

  constructor(port: number, database: SQLite.Database) {
    this.#port = port
    this.#database = database
  }

  async start(): Promise<void> {
    const client = await connectAsync({ host: '127.0.0.1', port: this.#port, reconnectPeriod: 0, clientId: 'live' })
    this.#client = client
    this.#timer = setInterval(() => {
      const ts = Date.now()
      this.#publishedAt.set(ts, performance.now())
      client.publish('telemetry/live/pressure', `{"value":${this.#publishedAt.size},"ts":${ts}}`, { qos: 1 })
    }, LIVE_EVERY_MS)
  }

  look(): void {
    const now = performance.now()
    const find = `SELECT id FROM series WHERE device = 'live'`
    this.#series ??= this.#database.prepare(find).pluck().get() as number | undefined
    if (this.#series === undefined) return
    const sql = 'SELECT ts FROM reading WHERE series = ? AND ts > ?'
    for (const ts of this.#database.prepare(sql).pluck().all(this.#series, this.#lastTs) as number[]) {
      const at = this.#publishedAt.get(ts)
      if (at !== undefined) this.ms.push(now - at)
      this.#lastTs = Math.max(this.#lastTs, ts)
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#client?.endAsync()
  }
}

/** Mosquitto to Mosquitto with as many messages waiting, until a subscriber in the cloud has all. @returns messages a second. */
export async function drainBridge(messages: number): Promise<number> {
  const cloud = await startMosquitto({ config: 'max_inflight_messages 0\nmax_queued_messages 0' })
  const link = await startProxy({ to: cloud.port })
  link.dial.refuse = true
  const site = await startMosquitto({
    config: `
      max_queued_messages 0
      max_inflight_messages 0
      connection cloud
      address 127.0.0.1:${link.port}
      topic telemetry/# out 1
      cleansession false
      notifications false
      bridge_max_packet_size 0
      restart_timeout 1`.replace(/^ +/gm, ''),
  })
  const subscriber = startScript('bench/support/subscriber-child.ts', [String(cloud.port), String(messages)])
  await subscriber.waitFor(/subscribed/)
  const connections = 10
  await runLoad({
    port: site.port,
    connections,
    window: 100,
    messages: messages / connections,
    qos: 1,
    payload: 'json',
  })
  link.dial.refuse = false
  const [, ms] = await subscriber.waitFor(/received all in (\d+) ms/, DRAIN_MS)
  await site.stop()
  await cloud.stop()
  return (messages / Number(ms)) * 1_000
}
