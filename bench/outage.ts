/**
 * How soon do readings arrive when the cloud is back? The cloud broker is away for some time, or the receiver, or the link is
 * up for a short part of each period. The clock runs from the return until the first reading is in the receiver's database,
 * and until the last one of the outage is. A Mosquitto bridge with its defaults sends the same messages over the same broker.
 * Last: bytes on the link while no receiver answers.
 */
import { pause } from '../src/base/clock.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { startProxy, TcpProxy } from '../support/proxy.ts'
import { stopStarted } from '../support/started.ts'
import { readOptions, usage } from './support/options.ts'
import { type Back, BridgeSubscriber, OutageSite } from './support/outage.ts'
import { type BenchReceiver, startReceiver } from './support/receiver.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'

const { json, small, numbers, others } = readOptions(
  {
    sites: { full: 4, small: 1 },
    runs: { full: 3, small: 1 },
    'up-s': { full: 20, small: 4 },
    'down-s': { full: 160, small: 4 },
    periods: { full: 4, small: 2 },
    'silent-s': { full: 900, small: 5 },
  },
  { outages: { type: 'string' } },
)
const { sites: siteCount, runs, 'up-s': upS, 'down-s': downS, periods, 'silent-s': silentS } = numbers
const outages = (others.outages ?? (small ? '1' : '5,64,480')).split(',').map(Number)
if (!outages.every((seconds) => seconds > 0)) usage(`--outages ${others.outages}: expected seconds, such as 5,64,480`)

interface Row {
  readonly what: string
  readonly way: 'tidegate' | 'bridge'
  readonly backs: Back[]
}

const rows: Row[] = []

function note(what: string, measured: Partial<Record<Row['way'], Back>>[]): void {
  for (const way of ['tidegate', 'bridge'] as const) {
    const backs = measured.flatMap((one) => one[way] ?? [])
    const row = rows.find((one) => one.what === what && one.way === way)
    if (row !== undefined) row.backs.push(...backs)
    else if (backs.length > 0) rows.push({ what, way, backs })
  }
  const firsts = measured.flatMap(({ tidegate }) => tidegate?.firstMs ?? [])
  progress(`${what}: first reading after ${firsts.map((ms) => figure(ms)).join(', ')} ms`)
}

function startSites(cloud: Mosquitto, receiver: BenchReceiver, bridge?: BridgeSubscriber): Promise<OutageSite[]> {
  const names = Array.from({ length: siteCount }, (_, i) => `site${i}`)
  const options = { url: cloud.url, receiver, ...(bridge && { bridge }) }
  return Promise.all(names.map((name) => OutageSite.start(name, options)))
}

/** The cloud broker is killed, and starts again after the time. */
async function brokerAway(): Promise<void> {
  const cloud = await startMosquitto()
  const receiver = await startReceiver(cloud.url)
  const sites = await startSites(cloud, receiver, await BridgeSubscriber.start(cloud.url))
  for (const seconds of outages) {
    for (let run = 0; run < runs; run++) {
      await Promise.all(sites.map((site) => site.untilAllArrived()))
      await cloud.kill()
      await pause(seconds * 1_000)
      await cloud.restart()
      note(`broker away for ${seconds} s`, await Promise.all(sites.map((site) => site.measure())))
    }
  }
  await Promise.all(sites.map((site) => site.stop()))
  await receiver.stop()
  await cloud.stop()
}

/** The receiver is killed, and starts again after the time. */
async function receiverAway(): Promise<void> {
  const cloud = await startMosquitto()
  let receiver = await startReceiver(cloud.url)
  const sites = await startSites(cloud, receiver)
  for (const seconds of outages) {
    for (let run = 0; run < runs; run++) {
      await Promise.all(sites.map((site) => site.untilAllArrived()))
      receiver.process.kill('SIGKILL')
      await receiver.process.exit
      await pause(seconds * 1_000)
      receiver = await startReceiver(cloud.url, receiver.folder)
      note(`receiver away for ${seconds} s`, await Promise.all(sites.map((site) => site.measure())))
    }
  }
  await Promise.all(sites.map((site) => site.stop()))
  await receiver.stop()
  await cloud.stop()
}

/** The link is up for a short part of each period; while it is down, nothing accepts connections. */
async function shortLink(): Promise<void> {
  const cloud = await startMosquitto()
  const receiver = await startReceiver(cloud.url)
  let link = await startProxy({ to: cloud.port })
  const { port } = link
  const site = await OutageSite.start('site', { url: link.url, receiver })
  for (let period = 0; period < periods; period++) {
    await site.untilAllArrived()
    await link.stop()
    await pause(downS * 1_000)
    link = await TcpProxy.start({ to: cloud.port, port })
    const up = pause(upS * 1_000)
    note(`link up for ${upS} s, down for ${downS} s`, [await site.measure()])
    await up
  }
  await site.stop()
  await receiver.stop()
  await cloud.stop()
}

/** @returns bytes on the link per hour while no receiver answers: in the whole time, and in its second half */
async function silence(): Promise<{ readonly all: number; readonly later: number }> {
  const cloud = await startMosquitto()
  const link = await startProxy({ to: cloud.port })
  const receiver = await startReceiver(cloud.url)
  const site = await OutageSite.start('site', { url: link.url, receiver })
  await site.untilAllArrived()
  await receiver.stop()
  const bytes = (): number => link.bytesUp + link.bytesDown
  const began = bytes()
  await pause(silentS * 500)
  const half = bytes()
  await pause(silentS * 500)
  const hours = silentS / 3_600
  await site.stop()
  await cloud.stop()
  return { all: (bytes() - began) / hours, later: (bytes() - half) / (hours / 2) }
}

function print(silent: { readonly all: number; readonly later: number }): void {
  const cells = rows.map(({ what, way, backs }) => {
    const firsts = backs.map(({ firstMs }) => firstMs / 1_000)
    const lasts = backs.map(({ lastMs }) => lastMs / 1_000)
    const figures = [median(firsts), Math.max(...firsts), median(lasts), Math.max(...lasts)]
    return [`${what}, ${way}`, ...figures.map((seconds) => figure(seconds)), String(backs.length)]
  })
  const head = ['', 'first s, median', 'most', 'last s, median', 'most', 'samples']
  console.log(`${machineLine()}\n\n${table(head, cells)}\n`)
  console.log(`Bytes an hour while no receiver answers, ${silentS} s measured: ${figure(silent.all)}`)
  console.log(`In the second half: ${figure(silent.later)}`)
  if (json) console.log(JSON.stringify({ bench: 'outage', ...machine(), rows, silent }))
}

try {
  await brokerAway()
  await receiverAway()
  await shortLink()
  print(await silence())
} finally {
  await stopStarted()
}
