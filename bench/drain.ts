/**
 * How fast does a backlog leave when the cloud is back, and does a new reading get through meanwhile? From an edge's disk
 * over a Mosquitto into a receiver's SQLite, every reading confirmed after its commit there; beside it a Mosquitto bridge
 * that drains readings as the messages they came in to a subscriber that keeps nothing. In turn, medians. With
 * `--rtt MS` also over a link with so much added round-trip time.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tempFolder } from '../support/folder.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { type Drained, drain, drainBridge } from './support/drain.ts'
import { figure, machine, median, progress, table } from './support/report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    readings: { type: 'string', default: '5000000' },
    'bridge-messages': { type: 'string', default: '200000' },
    rtt: { type: 'string', default: '200' },
  },
})
const runs = Number(values.runs)
const readings = Number(values.readings)
const bridgeMessages = Number(values['bridge-messages'])
const roundTripMs = Number(values.rtt)

const PREPARE_MS = 600_000

function percentile(ascending: readonly number[], part: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? Number.NaN
}

function rowOf(name: string, all: readonly Drained[]): string[] {
  const live = all.flatMap(({ liveMs }) => liveMs).sort((a, b) => a - b)
  const cpu = (part: 'edge' | 'receiver'): string => figure(median(all.map((one) => one.cpu[part])))
  const speed = figure(median(all.map(({ perSecond }) => perSecond)))
  return [name, speed, figure(percentile(live, 0.5)), figure(percentile(live, 0.99)), cpu('edge'), cpu('receiver')]
}

const backlog = join(tempFolder(), 'backlog')
progress(`a backlog of ${readings} readings`)
await startScript('bench/support/backlog-child.ts', [backlog, String(readings)]).waitFor(/stored/, PREPARE_MS)

const near: Drained[] = []
const far: Drained[] = []
const bridge: number[] = []
for (let run = 1; run <= runs; run++) {
  near.push(await drain({ backlog, readings }))
  progress(`run ${run}: ${figure(near.at(-1)!.perSecond)} readings/s`)
  if (roundTripMs > 0) {
    far.push(await drain({ backlog, readings, roundTripMs }))
    progress(`run ${run}: ${figure(far.at(-1)!.perSecond)} readings/s with ${roundTripMs} ms`)
  }
  if (bridgeMessages > 0) {
    bridge.push(await drainBridge(bridgeMessages))
    progress(`run ${run}: ${figure(bridge.at(-1)!)} messages/s over the bridge`)
  }
}
await stopStarted()

const speed = median(near.map(({ perSecond }) => perSecond))
const farSpeed = median(far.map(({ perSecond }) => perSecond))
const bridgeSpeed = median(bridge)
const farPart = farSpeed / speed
if (values.json) {
  console.log(JSON.stringify({ machine: machine(), readings, runs, roundTripMs, near, far, bridge }))
} else {
  const head = ['', 'readings/s', 'live ms, median', 'p99', 'CPU s/million: edge', 'receiver']
  const rows = [rowOf('Tidegate, loopback', near)]
  if (far.length > 0) rows.push(rowOf(`Tidegate, ${roundTripMs} ms round trip`, far))
  if (bridge.length > 0) rows.push(['Mosquitto bridge to a subscriber', figure(bridgeSpeed), '–', '–', '–', '–'])
  console.log(`${table(head, rows)}\n`)
  if (bridge.length > 0) console.log(`Tidegate against the bridge: ${figure(speed / bridgeSpeed)}`)
  if (far.length > 0)
    console.log(`with ${roundTripMs} ms of round-trip time it keeps ${figure(farPart * 100)} % of its speed`)
}
