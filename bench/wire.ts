/**
 * How many bytes cross the link between a site and its cloud per reading, both directions added, from the first packet until
 * everything is confirmed? The same messages pass through a Mosquitto bridge and through Tidegate. Counted is what TCP
 * carries, without the headers of TCP and IP; a bridge has more of these, because it sends many small packets.
 */
import { connectAsync, type MqttClient } from 'mqtt'
import { pause } from '../src/base/clock.ts'
import { stopStarted } from '../support/started.ts'
import { until } from '../support/wait.ts'
import { readOptions, SERIES_OPTIONS } from './support/options.ts'
import { HANG_MS } from './support/patience.ts'
import { figure, machine, machineLine, progress, table } from './support/report.ts'
import { benchSeries, jsonPayload, randomWalk, type Sample } from './support/series.ts'
import { key, type Site, startBridgeSite, startTidegateSite, topicOf } from './support/site.ts'

/** The link counts as idle after this time without a byte. */
const IDLE_MS = 1_500
const PUBLISHES_AT_ONCE = 200
const LIVE_DEVICES = 50
const LIVE_LINGER_MS = 5_000

const { json, numbers } = readOptions(
  {
    runs: { full: 1, small: 1 }, // bytes hardly differ from run to run
    seconds: { full: 40, small: 3 },
    series: { full: 1_000, small: 2 },
    samples: { full: 1_000_000, small: 1_000 },
  },
  SERIES_OPTIONS,
)
const { runs, seconds, series: seriesMax, samples: samplesMax } = numbers

/** @throws Error when what arrived is not exactly what was sent, each reading once with its time and value. */
function verifyArrived(site: Site, sent: readonly Sample[]): void {
  const expected = sent.map(({ ts, value }) => key(ts, Number(value))).sort()
  const arrived = site.arrived().sort()
  const wrong = expected.findIndex((one, i) => one !== arrived[i])
  if (wrong >= 0 || arrived.length !== expected.length) {
    const counts = `${expected.length} sent, ${arrived.length} arrived`
    throw new Error(`${counts}; reading ${wrong}: sent ${expected[wrong]}, arrived ${arrived[wrong]} (time and value)`)
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

/** Waits until this number of readings is confirmed and the link is idle. `verifyArrived` then compares the readings. */
async function settle({ link, confirmed }: Site, readings: number): Promise<void> {
  await until(() => confirmed() >= readings, { deadlineMs: HANG_MS, what: `${readings} readings are confirmed` })
  for (let before = -1; before !== link.bytesUp + link.bytesDown; ) {
    before = link.bytesUp + link.bytesDown
    await pause(IDLE_MS)
  }
}

function resetCount(site: Site): void {
  site.link.bytesUp = 0
  site.link.bytesDown = 0
}

function costOf({ link }: Site, readings: number): Cost {
  return { readings, up: link.bytesUp, down: link.bytesDown }
}

/** Published while the link is down; counted from the moment the link is up again. */
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

/** Devices that publish once per second each, spread over the second; connecting is not counted. */
async function live(peer: Peer): Promise<Cost> {
  const site = await STARTS[peer](true, LIVE_LINGER_MS)
  const client = await login(site)
  const values = Array.from({ length: LIVE_DEVICES }, (_, device) => randomWalk(device))
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
  progress(`${name}: bridge ${figure(each(line.bridge))}, tidegate ${figure(each(line.tidegate))} bytes per reading`)
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
  const head = ['', 'readings', 'bridge', 'tidegate', 'of which up', 'down', 'tidegate : bridge']
  console.log(`\n${title}, bytes per reading\n\n${table(head, rows)}`)
}

try {
  const backlogs: Line[] = []
  for (const [name, samples] of [...benchSeries()].slice(0, seriesMax)) {
    backlogs.push(await compare(name, (peer) => backlog(peer, samples.slice(0, samplesMax))))
  }
  const lives = [await compare(`${LIVE_DEVICES} devices, 1/s each, linger ${LIVE_LINGER_MS} ms`, live)]
  console.log(machineLine())
  print('Backlog after an outage', backlogs)
  print(`Live for ${seconds} s`, lives)
  if (json) {
    const result = [...backlogs, ...lives].map((line) => ({ ...line, ratio: ratio(line) }))
    console.log(JSON.stringify({ bench: 'wire', ...machine(), runs, lines: result }))
  }
} finally {
  await stopStarted()
}
