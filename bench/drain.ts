/**
 * How fast does a backlog drain when the cloud is back, and does a new reading get through meanwhile? Tidegate drains from
 * an edge's disk through a Mosquitto into a receiver's SQLite, and confirms every reading after its commit there. A Mosquitto
 * bridge drains its queue to a subscriber that stores nothing. They take turns; medians. With `--rtt MS`, Tidegate also drains
 * over a link with this additional round-trip time; 0 leaves that out.
 */
import { join } from 'node:path'
import { tempFolder } from '../support/folder.ts'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { type Backlog, type Drained, drain, drainBridge } from './support/drain.ts'
import { readOptions, SERIES_OPTIONS, usage } from './support/options.ts'
import { outputOf } from './support/patience.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'

const { json, numbers } = readOptions(
  {
    runs: { full: 5, small: 1 },
    readings: { full: 5_000_000, small: 150_000 },
    'bridge-messages': { full: 200_000, small: 10_000, min: 0 },
    rtt: { full: 200, small: 20, min: 0 },
  },
  SERIES_OPTIONS,
)
const { runs, readings, 'bridge-messages': bridgeMessages, rtt: roundTripMs } = numbers
if (bridgeMessages % 10 !== 0) usage(`--bridge-messages ${bridgeMessages}: expected a multiple of 10`)

function percentile(ascending: readonly number[], part: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? Number.NaN
}

function rowOf(name: string, all: readonly Drained[]): string[] {
  const live = all.flatMap(({ liveMs }) => liveMs).sort((a, b) => a - b)
  const cpu = (part: 'edge' | 'receiver'): string => figure(median(all.map((one) => one.cpu[part])))
  const speed = figure(median(all.map(({ perSecond }) => perSecond)))
  return [name, speed, figure(percentile(live, 0.5)), figure(percentile(live, 0.99)), cpu('edge'), cpu('receiver')]
}

async function makeBacklog(): Promise<Backlog> {
  const folder = join(tempFolder(), 'backlog')
  progress(`storing a backlog of ${readings} readings`)
  const child = startScript('bench/support/backlog-child.ts', [folder, String(readings)])
  const { sum } = JSON.parse(await outputOf(child, 'storing the backlog')) as { sum: number }
  return { folder, readings, sum }
}

const near: Drained[] = []
const far: Drained[] = []
const bridge: number[] = []

async function measure(): Promise<void> {
  const backlog = await makeBacklog()
  for (let run = 1; run <= runs; run++) {
    near.push(await drain(backlog))
    progress(`run ${run}: ${figure(near.at(-1)!.perSecond)} readings/s`)
    if (roundTripMs > 0) {
      far.push(await drain(backlog, { roundTripMs }))
      progress(`run ${run}: ${figure(far.at(-1)!.perSecond)} readings/s with ${roundTripMs} ms`)
    }
    if (bridgeMessages > 0) {
      bridge.push(await drainBridge(bridgeMessages))
      progress(`run ${run}: ${figure(bridge.at(-1)!)} messages/s over the bridge`)
    }
  }
}

function print(): void {
  const speed = median(near.map(({ perSecond }) => perSecond))
  const farSpeed = median(far.map(({ perSecond }) => perSecond))
  const bridgeSpeed = median(bridge)
  const head = ['', 'readings/s', 'live ms, median', '99 %', 'CPU s per million: edge', 'receiver']
  const rows = [rowOf('Tidegate, loopback', near)]
  if (far.length > 0) rows.push(rowOf(`Tidegate, ${roundTripMs} ms round trip`, far))
  if (bridge.length > 0) rows.push(['Mosquitto bridge to a subscriber', figure(bridgeSpeed), '–', '–', '–', '–'])
  console.log(`${machineLine()}\n\n${table(head, rows)}\n`)
  if (bridge.length > 0) console.log(`Ratio of Tidegate to the bridge: ${figure(speed / bridgeSpeed)}`)
  if (far.length > 0) {
    console.log(`With ${roundTripMs} ms of round-trip time it keeps ${figure((farSpeed / speed) * 100)} % of its speed`)
  }
  if (json)
    console.log(JSON.stringify({ bench: 'drain', ...machine(), readings, runs, roundTripMs, near, far, bridge }))
}

try {
  await measure()
  print()
} finally {
  await stopStarted()
}
