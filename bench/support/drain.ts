import { cpSync, readFileSync } from 'node:fs'
import { pause } from '../../src/base/clock.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startScript } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import { BenchEdge } from './edge.ts'
import { LIVE_DEVICE, LiveDevice } from './live-device.ts'
import { runLoad } from './load.ts'
import { HANG_MS } from './patience.ts'
import { type BenchReceiver, startReceiver } from './receiver.ts'

const POLL_MS = 20
/** Sums of the same values in another order: the greatest relative difference. */
const SUM_ERROR_MAX = 1e-9
const BRIDGE_CONNECTIONS = 10

export interface Backlog {
  /** It is copied before it drains. */
  readonly folder: string
  readonly readings: number
  /** Of the values of all readings. */
  readonly sum: number
}

export interface Drained {
  readonly perSecond: number
  /** From the publish of a live reading until it can be read in the receiver's database (ms), ascending. */
  readonly liveMs: readonly number[]
  readonly bytesPerReading: number
  /** CPU seconds of the processes per million readings. */
  readonly cpu: Readonly<Record<'edge' | 'receiver', number>>
}

/**
 * An edge with a backlog reaches its cloud again. The clock runs from the edge being ready until the receiver has all of it.
 * @param options.roundTripMs is added to every round trip between site and cloud.
 */
export async function drain(backlog: Backlog, { roundTripMs = 0 } = {}): Promise<Drained> {
  const cloud = await startMosquitto({ config: 'max_inflight_messages 0' })
  const link = await startProxy({ to: cloud.port })
  link.dial.latencyMs = roundTripMs / 2
  const receiver = await startReceiver(cloud.url)
  const data = tempFolder()
  cpSync(backlog.folder, data, { recursive: true })
  const url = roundTripMs > 0 ? link.url : cloud.url
  const edge = await BenchEdge.start({ data, uplinks: [{ name: 'cloud', url }] })
  const from = performance.now()
  const live = await LiveDevice.start(edge.port, receiver)
  await until(
    async () => {
      await pause(POLL_MS)
      live.poll()
      return arrivedOf(receiver, backlog) === backlog.readings
    },
    { deadlineMs: HANG_MS, what: `the receiver has all ${backlog.readings} readings of the backlog` },
  )
  const ms = performance.now() - from
  const liveMs = live.latenciesMs.toSorted((a, b) => a - b)
  const bytesPerReading = link.bytesUp / backlog.readings
  const perMillion = (pid: number): number => (cpuSeconds(pid) / backlog.readings) * 1e6
  const cpu = { edge: perMillion(edge.process.pid), receiver: perMillion(receiver.process.pid) }
  await live.stop()
  await live.allArrived()
  verifyReceived(receiver, backlog)
  await edge.stop()
  await receiver.stop()
  await cloud.stop()
  return { perSecond: (backlog.readings / ms) * 1_000, liveMs, bytesPerReading, cpu }
}

/** Positions of the backlog that the receiver has; those of the live readings come after them. */
function arrivedOf(receiver: BenchReceiver, { readings }: Backlog): number {
  const sql = 'SELECT coalesce(sum(min(last, ?) - first + 1), 0) FROM positions WHERE first <= ?'
  return receiver.number(sql, readings, readings)
}

/** @throws Error when the receiver does not have every reading of the backlog, each once, with its value. */
function verifyReceived(receiver: BenchReceiver, { readings, sum }: Backlog): void {
  const which = `FROM readings WHERE device <> '${LIVE_DEVICE}'`
  const stored = receiver.number(`SELECT count(*) ${which}`)
  const distinct = receiver.number(`SELECT count(DISTINCT seq) ${which}`)
  const total = receiver.number(`SELECT sum(value) ${which}`)
  if (stored !== readings || distinct !== readings || Math.abs(total / sum - 1) > SUM_ERROR_MAX) {
    const found = `${stored} readings at ${distinct} positions, sum of values ${total}`
    throw new Error(`the receiver has ${found}; the backlog has ${readings} readings, sum of values ${sum}`)
  }
}

/** User and system time of a process so far (proc(5): fields 14 and 15 of stat, in hundredths of a second). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/**
 * Mosquitto to Mosquitto with this number of messages waiting (a multiple of ten), until a subscriber in the cloud has
 * received all of them. @returns messages per second.
 */
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
  await subscriber.waitFor(/subscribed/, HANG_MS)
  await runLoad({
    port: site.port,
    connections: BRIDGE_CONNECTIONS,
    window: 100,
    messages: messages / BRIDGE_CONNECTIONS,
    qos: 1,
    payload: 'json',
  })
  link.dial.refuse = false
  const [, ms] = await subscriber.waitFor(/received all in (\d+) ms/, HANG_MS)
  await site.stop()
  await cloud.stop()
  return (messages / Number(ms)) * 1_000
}
