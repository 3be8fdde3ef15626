/**
 * How many messages per second does a broker acknowledge? Three peers take turns: Mosquitto that stores nothing, Mosquitto
 * with one subscriber that reads everything, and Tidegate with every reading on disk before its acknowledgement. Medians.
 * After each run of Tidegate, every acknowledged reading is read back from its store. Without Mosquitto, only Tidegate runs.
 */
import { startMosquitto } from '../support/mosquitto.ts'
import { peers } from '../support/peers.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { BenchEdge } from './support/edge.ts'
import { type LoadOptions, type LoadResult, runLoad } from './support/load.ts'
import { readOptions, usage } from './support/options.ts'
import { HANG_MS } from './support/patience.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'
import { verifyStored } from './support/stored.ts'

type Load = Omit<LoadOptions, 'port'>
type Peer = 'mosquitto' | 'mosquitto + subscriber' | 'tidegate'

interface Run extends LoadResult {
  /** Messages per second that the subscriber received. */
  readonly deliveredPerSecond?: number
  readonly peakRssBytes?: number
  readonly writtenBytesPerReading?: number
}

const { json, numbers, others } = readOptions(
  { runs: { full: 5, small: 1 }, scale: { full: 1, small: 0.05, min: 0.001, fraction: true } },
  { qos: { type: 'string', default: '1' }, payload: { type: 'string', default: 'json' } },
)
const { runs, scale } = numbers
const { qos, payload } = others
if (qos !== '1' && qos !== '2') usage(`--qos ${qos}: expected 1 or 2`)
if (payload !== 'json' && payload !== 'number') usage(`--payload ${payload}: expected json or number`)
const common = { qos: qos === '2' ? 2 : 1, payload } as const

const LOADS: readonly Load[] = [
  { connections: 10, window: 100, messages: Math.ceil(50_000 * scale), ...common },
  { connections: 1_000, window: 1, messages: Math.ceil(200 * scale), ...common },
]

const PEERS: Readonly<Record<Peer, (load: Load) => Promise<Run>>> = {
  async mosquitto(load) {
    const mosquitto = await startMosquitto()
    const result = await runLoad({ ...load, port: mosquitto.port })
    await mosquitto.stop()
    return result
  },
  async 'mosquitto + subscriber'(load) {
    const mosquitto = await startMosquitto({ config: 'max_inflight_messages 0' })
    const expected = load.connections * load.messages
    const subscriber = startScript('bench/support/subscriber-child.ts', [String(mosquitto.port), String(expected)])
    await subscriber.waitFor(/subscribed/, HANG_MS)
    const result = await runLoad({ ...load, port: mosquitto.port })
    const [, ms] = await subscriber.waitFor(/received all in (\d+) ms/, HANG_MS)
    await mosquitto.stop()
    return { ...result, deliveredPerSecond: (expected / Number(ms)) * 1_000 }
  },
  async tidegate(load) {
    const edge = await BenchEdge.start()
    const before = await edge.writtenBytes()
    const result = await runLoad({ ...load, port: edge.port })
    const written = (await edge.writtenBytes()) - before
    const peakRssBytes = edge.peakRssBytes()
    await edge.stop()
    verifyStored(edge.folder, load)
    return { ...result, peakRssBytes, writtenBytesPerReading: written / result.messages }
  },
}
const NAMES = (Object.keys(PEERS) as Peer[]).filter((name) => name === 'tidegate' || peers.mosquitto !== undefined)

/** Runs every peer `runs` times; each round begins with another peer. */
async function measure(load: Load): Promise<Map<Peer, Run[]>> {
  const results = new Map<Peer, Run[]>(NAMES.map((name) => [name, []]))
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < NAMES.length; turn++) {
      const name = NAMES[(round + turn) % NAMES.length]!
      const run = await PEERS[name](load)
      results.get(name)!.push(run)
      progress(`${load.connections} x ${load.window}, ${name}: ${figure(run.perSecond)} per second`)
      await stopStarted()
    }
  }
  return results
}

function summary(load: Load, results: ReadonlyMap<Peer, readonly Run[]>) {
  /** NaN where the peer did not run. */
  const of = (name: Peer, pick: (run: Run) => number | undefined): number =>
    median((results.get(name) ?? []).map((run) => pick(run) ?? Number.NaN))
  const measured = Object.fromEntries(
    NAMES.map((name) => {
      const rates = results.get(name)!.map((run) => run.perSecond)
      return [
        name,
        {
          perSecond: of(name, (run) => run.perSecond),
          perSecondMin: Math.min(...rates),
          perSecondMax: Math.max(...rates),
          ackMs50: of(name, (run) => run.ackMs50),
          ackMs99: of(name, (run) => run.ackMs99),
        },
      ]
    }),
  )
  const tidegate = of('tidegate', (run) => run.perSecond)
  const withMosquitto = NAMES.length > 1 && {
    deliveredPerSecond: of('mosquitto + subscriber', (run) => run.deliveredPerSecond),
    ratioToMosquitto: tidegate / of('mosquitto', (run) => run.perSecond),
    ratioToMosquittoWithSubscriber: tidegate / of('mosquitto + subscriber', (run) => run.perSecond),
  }
  return {
    ...load,
    peers: measured,
    ...withMosquitto,
    edgePeakRssBytes: of('tidegate', (run) => run.peakRssBytes),
    edgeWrittenBytesPerReading: of('tidegate', (run) => run.writtenBytesPerReading),
    everyAcknowledgedReadingStored: true, // otherwise verifyStored has thrown
  }
}

type Summary = ReturnType<typeof summary>

function print(one: Summary): void {
  console.log(
    `\n${one.connections} connections x window ${one.window}, ${one.messages} messages each, QoS ${one.qos}\n`,
  )
  const rows = Object.entries(one.peers).map(([name, peer]) => [
    name,
    figure(peer.perSecond),
    `${figure(peer.perSecondMin)} to ${figure(peer.perSecondMax)}`,
    figure(peer.ackMs50),
    figure(peer.ackMs99),
  ])
  console.log(table(['', 'acknowledged/s', 'lowest to highest', 'ack ms, median', 'ack ms, 99 %'], rows))
  const { ratioToMosquitto, ratioToMosquittoWithSubscriber, deliveredPerSecond } = one
  if (ratioToMosquitto !== undefined) {
    const withSubscriber = `mosquitto + subscriber ${figure(ratioToMosquittoWithSubscriber!)}`
    const delivered = `the subscriber receives ${figure(deliveredPerSecond!)} per second`
    console.log(`\nRatio of tidegate to mosquitto ${figure(ratioToMosquitto)}, to ${withSubscriber}; ${delivered}.`)
  }
  const memory = `peak RSS ${figure(one.edgePeakRssBytes / 1_048_576)} MiB`
  const written = `${figure(one.edgeWrittenBytesPerReading)} bytes written per reading`
  console.log(`Edge: ${memory}, ${written}; every acknowledged reading was found in its store, once.`)
}

try {
  if (peers.mosquitto === undefined) progress('skipped: mosquitto, mosquitto + subscriber (mosquitto is not installed)')
  const summaries: Summary[] = []
  for (const load of LOADS) summaries.push(summary(load, await measure(load)))
  console.log(machineLine())
  for (const one of summaries) print(one)
  if (json) console.log(JSON.stringify({ bench: 'ingest', ...machine(), runs, loads: summaries }))
} finally {
  await stopStarted()
}
