/**
 * How many messages a second does a broker acknowledge? Mosquitto keeping nothing, Mosquitto with one subscriber that
 * reads all, and Tidegate with every reading on disk before its acknowledgement; alternating, medians.
 * At the end of each run of Tidegate every acknowledged reading is looked for in its database.
 */
import { parseArgs } from 'node:util'
import { startMosquitto } from '../support/mosquitto.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { BenchEdge, verifyStored } from './support/edge.ts'
import { type LoadOptions, type LoadResult, runLoad } from './support/load.ts'
import { figure, machine, median, progress, table } from './support/report.ts'

type Load = Omit<LoadOptions, 'port'>
type Peer = 'mosquitto' | 'mosquitto + subscriber' | 'tidegate'

interface Run extends LoadResult {
  /** Messages a second that the subscriber got. */
  readonly deliveredPerSecond?: number
  readonly peakRssBytes?: number
  readonly writtenBytesPerReading?: number
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    qos: { type: 'string', default: '1' },
    payload: { type: 'string', default: 'json' },
    scale: { type: 'string', default: '1' },
  },
})
const runs = Number(values.runs)
const scale = Number(values.scale)
const common = { qos: values.qos === '2' ? 2 : 1, payload: values.payload === 'number' ? 'number' : 'json' } as const

const LOADS: readonly Load[] = [
  { connections: 10, window: 100, messages: Math.round(50_000 * scale), ...common },
  { connections: 1_000, window: 1, messages: Math.round(200 * scale), ...common },
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
    await subscriber.waitFor(/subscribed/)
    const result = await runLoad({ ...load, port: mosquitto.port })
    const [, delivered] = await subscriber.waitFor(/received all in (\d+) ms/, 120_000)
    await mosquitto.stop()
    return { ...result, deliveredPerSecond: (expected / Number(delivered)) * 1000 }
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
const NAMES = Object.keys(PEERS) as Peer[]

/** Runs every peer `runs` times; each round begins with another one. */
async function measure(load: Load): Promise<Record<Peer, Run[]>> {
  const results: Record<Peer, Run[]> = { mosquitto: [], 'mosquitto + subscriber': [], tidegate: [] }
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < NAMES.length; turn++) {
      const name = NAMES[(round + turn) % NAMES.length]!
      const run = await PEERS[name](load)
      results[name].push(run)
      progress(`${load.connections} x ${load.window}, ${name}: ${figure(run.perSecond)} a second`)
      await stopStarted()
    }
  }
  return results
}

function summary(load: Load, results: Record<Peer, Run[]>) {
  const of = (name: Peer, pick: (run: Run) => number | undefined): number =>
    median(results[name].map((run) => pick(run) ?? Number.NaN))
  const peers = Object.fromEntries(
    NAMES.map((name) => {
      const rates = results[name].map((run) => run.perSecond)
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
  return {
    ...load,
    peers,
    deliveredPerSecond: of('mosquitto + subscriber', (run) => run.deliveredPerSecond),
    ratioToMosquitto: tidegate / of('mosquitto', (run) => run.perSecond),
    ratioToMosquittoWithSubscriber: tidegate / of('mosquitto + subscriber', (run) => run.perSecond),
    edgePeakRssBytes: of('tidegate', (run) => run.peakRssBytes),
    edgeWrittenBytesPerReading: of('tidegate', (run) => run.writtenBytesPerReading),
    everyAcknowledgedReadingStored: true, // else verifyStored has thrown
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
  console.log(table(['', 'acknowledged/s', 'least to most', 'ack ms, median', 'ack ms, 99 %'], rows))
  console.log(
    `\ntidegate to mosquitto ${figure(one.ratioToMosquitto)}, to mosquitto + subscriber`,
    [
      `${figure(one.ratioToMosquittoWithSubscriber)} (which delivers ${figure(one.deliveredPerSecond)} a second);`,
      `edge: peak RSS ${figure(one.edgePeakRssBytes / 1_048_576)} MiB,`,
      `${figure(one.edgeWrittenBytesPerReading)} bytes written a reading,`,
      'every acknowledged reading found in its database',
    ].join(' '),
  )
}

try {
  const summaries: Summary[] = []
  for (const load of LOADS) summaries.push(summary(load, await measure(load)))
  for (const one of summaries) print(one)
  if (values.json) console.log(JSON.stringify({ bench: 'ingest', ...machine(), runs, loads: summaries }))
} finally {
  await stopStarted()
}
