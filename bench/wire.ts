/**
 * How many bytes cross the link between a site and its cloud for each reading, both ways together, from the first
 * packet until everything is confirmed? The same messages through a Mosquitto bridge and through Tidegate.
 * Counted is what TCP carries, without the headers of TCP and IP, which are more for the bridge's many small packets.
 */
import { parseArgs } from 'node:util'
import { connectAsync, type MqttClient } from 'mqtt'
import { pause } from '../src/base/clock.ts'
import { stopStarted } from '../support/started.ts'
import { until } from '../support/wait.ts'
import { figure, machine, progress, table } from './support/report.ts'
import { jsonPayload, recordedSeries, type Sample, wanderer } from './support/series.ts'
import { key, type Site, startBridgeSite, startTidegateSite, topicOf } from './support/site.ts'

const ARRIVE_MS = 120_000
/** The link is taken to be at rest after so long without a byte. */
const REST_MS = 1_500
const PUBLISHES_AT_ONCE = 200
const LIVE_DEVICES = 50
const LIVE_LINGER_MS = 5_000

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' }, // bytes hardly differ from run to run
    seconds: { type: 'string', default: '40' },
  },
})
const runs = Number(values.runs)
const seconds = Number(values.seconds)

/** @throws Error when what arrived is not exactly what was sent, however it was packed on the way. */
function verifyArrived(site: Site, sent: readonly Sample[]): void {
  const expected = sent.map(({ ts, value }) => key(ts, Number(value))).sort()
  const arrived = site.arrived().sort()
  const wrong = expected.findIndex((one, i) => one !== arrived[i])
  if (wrong >= 0 || arrived.length !== expected.length) {
    throw new Error(`reading ${wrong}: sent ${expected[wrong]}, arrived ${arrived[wrong]} (time and value)`)
  }
}

interface Cost {
  readonly readings: number
  readonly up: number
  readonly down: number
}

const STARTS: Readonly<Record<'bridge' | 'tidegate', (linkUp: boolean, lingerMs?: number) => Promise<Site>>> = {
  bridge: (linkUp) => startBridgeSite({ linkUp }),
  tidegate: (linkUp, lingerMs = 200) => startTidegateSite({ linkUp, lingerMs }),
}
type Peer = keyof typeof STARTS

function login(site: Site): Promise<MqttClient> {
  return connectAsync({ host: '127.0.0.1', port: site.port, reconnectPeriod: 0, clientId: 'bench-devices' })
}

async function publishAll(site: Site, samples: readonly Sample[]): Promise<void> {
  const client = await login(site)
  for (let at = 0; at < samples.length; at += PUBLISHES_AT_ONCE) {
    const some = samples.slice(at, at + PUBLISHES_AT_ONCE)
    await Promise.all(some.map((sample) => client.publishAsync(topicOf(7), jsonPayload(sample), { qos: 1 })))
  }
  await client.endAsync()
}

/** Waits until all is confirmed and the link has fallen silent. @throws Error when more or fewer readings arrive. */
async function settle({ link, confirmed }: Site, readings: number): Promise<void> {
  await until(() => confirmed() >= readings, { deadlineMs: ARRIVE_MS, what: `${readings} confirmed readings` })
  for (let before = -1; before !== link.bytesUp + link.bytesDown; ) {
    before = link.bytesUp + link.bytesDown
    await pause(REST_MS)
  }
  if (confirmed() !== readings) throw new Error(`${confirmed()} readings arrived instead of ${readings}`)
}

function resetCount(site: Site): void {
  site.link.bytesUp = 0
  site.link.bytesDown = 0
}

function costOf({ link }: Site, readings: number): Cost {
  return { readings, up: link.bytesUp, down: link.bytesDown }
}

/** Published while the cloud was out of reach; counted from the moment it is back. */
async function backlog(peer: Peer, samples: readonly Sample[]): Promise<Cost> {
  const site = await STARTS[peer](false)
  await publishAll(site, samples)
  resetCount(site)
  site.link.dial.refuse = false
  await settle(site, samples.length)
  const cost = costOf(site, samples.length)
  verifyArrived(site, samples)
  await stopStarted()
  return cost
}

/** Devices that publish once a second each, spread over the second; connecting is not counted. */
async function live(peer: Peer): Promise<Cost> {
  const site = await STARTS[peer](true, LIVE_LINGER_MS)
  const client = await login(site)
  const values = Array.from({ length: LIVE_DEVICES }, (_, device) => wanderer(device))
  const sent: Sample[] = []
  const second = async (): Promise<void> => {
    for (const [device, next] of values.entries()) {
      const sample = { value: next(), ts: Date.now() }
      sent.push(sample)
      await client.publishAsync(topicOf(device), jsonPayload(sample), { qos: 1 })
      await pause(1_000 / LIVE_DEVICES - 1)
    }
  }
  await second()
  await settle(site, LIVE_DEVICES)
  resetCount(site)
  for (let n = 0; n < seconds; n++) await Promise.all([second(), pause(1_000)])
  await settle(site, LIVE_DEVICES * (1 + seconds))
  const cost = costOf(site, LIVE_DEVICES * seconds)
  verifyArrived(site, sent)
  await client.endAsync(true)
  await stopStarted()
  return cost
}

interface Line {
  readonly name: string
  readonly bridge: Cost
  readonly tidegate: Cost
}

const each = ({ up, down, readings }: Cost): number => (up + down) / readings
const ratio = ({ bridge, tidegate }: Line): number => each(tidegate) / each(bridge)

async function compare(name: string, measure: (peer: Peer) => Promise<Cost>): Promise<Line> {
  const all: Line[] = []
  for (let run = 0; run < runs; run++) {
    all.push({ name, bridge: await measure('bridge'), tidegate: await measure('tidegate') })
  }
  const line = all.sort((a, b) => ratio(a) - ratio(b))[Math.floor((runs - 1) / 2)]!
  progress(`${name}: bridge ${figure(each(line.bridge))}, tidegate ${figure(each(line.tidegate))} bytes a reading`)
  return line
}

function print(title: string, lines: readonly Line[]): void {
  const rows = lines.map((line) => [
    line.name,
    String(line.tidegate.readings),
    figure(each(line.bridge)),
    figure(each(line.tidegate)),
    figure(line.tidegate.up / line.tidegate.readings),
    figure(line.tidegate.down / line.tidegate.readings),
    `1 : ${figure(1 / ratio(line))}`,
  ])
  const head = ['', 'readings', 'bridge', 'tidegate', 'of it up', 'down', 'tidegate : bridge']
  console.log(`\n${title}, bytes a reading\n\n${table(head, rows)}`)
}

try {
  const backlogs: Line[] = []
  for (const [name, samples] of recordedSeries()) {
    backlogs.push(await compare(name, (peer) => backlog(peer, samples)))
  }
  const lives = [await compare(`${LIVE_DEVICES} devices, 1/s each, linger ${LIVE_LINGER_MS} ms`, live)]
  print('Backlog after an outage', backlogs)
  print(`Live for ${seconds} s`, lives)
  if (values.json) {
    const result = [...backlogs, ...lives].map((line) => ({ ...line, ratio: ratio(line) }))
    console.log(JSON.stringify({ bench: 'wire', ...machine(), runs, lines: result }))
  }
} finally {
  await stopStarted()
}
