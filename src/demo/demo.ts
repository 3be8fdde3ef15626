import { pause, systemClock } from '../base/clock.ts'
import { Exit, type ExitCode, messageOf } from '../base/errors.ts'
import { Parts } from '../base/lifecycle.ts'
import { silentLog } from '../base/log.ts'
import { type Edge, startEdge } from '../edge/edge.ts'
import { startReceiver } from '../receiver/receiver.ts'
import { SqliteSink } from '../receiver/sqlite/sqlite-sink.ts'
import { type Account, closeAccount, countStored } from './account.ts'
import { Cloud } from './cloud.ts'
import { DataFolder } from './data-folder.ts'
import type { Intro } from './display.ts'
import { Ending } from './ending.ts'
import { Fleet } from './fleet.ts'
import { buildPlant } from './plant.ts'
import { portOrAny } from './ports.ts'
import { JsonReport, type Report, ScreenReport } from './report.ts'
import { Screen } from './screen.ts'
import { demoCloud, demoEdge, demoReceiver, HOST } from './settings.ts'
import type { Snapshot } from './snapshot.ts'

export interface DemoOptions {
  /** Folder of both databases; without it a temporary one that is removed at the end. */
  readonly data?: string | undefined
  /** 1 or more; default 20. */
  readonly devices?: number | undefined
  /** Messages per second of each device; default 5. */
  readonly rate?: number | undefined
  /** Wanted ports; where somebody listens already, and for 0, a free one is taken. */
  readonly ports?: { readonly mqtt: number; readonly cloud: number; readonly web: number } | undefined
}

export interface RunOptions extends DemoOptions {
  /** Ends by itself after so many seconds. */
  readonly forS?: number | undefined
  /** Prints JSON lines. */
  readonly json?: boolean | undefined
}

/** A running demo. */
export interface Demo {
  readonly intro: Intro
  /** Cuts the cloud off, or brings it back. Resolves when that is done; rejects when its port was taken meanwhile. */
  toggleCloud(): Promise<void>
  snapshot(): Promise<Snapshot>
  /** Rejects when the edge cannot go on; the demo must be stopped then. */
  readonly failed: Promise<never>
  /**
   * Stops devices, brings the cloud back, waits for the backlog, stops the rest and counts. Where the count does not
   * agree, a temporary folder stays for whoever wants to look.
   */
  stop(): Promise<Account>
}

const PORTS = { mqtt: 1883, cloud: 1884, web: 8080 }
const SEED = 1
/** A backlog that has not drained by then is reported as what it is: waiting. */
const DRAIN_MS_MAX = 60_000
const DRAIN_POLL_MS = 50

/**
 * Starts cloud broker, receiver, edge and devices in this process, connected by MQTT over the loopback interface.
 * @throws OperatorError when the data folder is in use or cannot be written; nothing is left running then.
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const parts = new Parts()
  const folder = new DataFolder(options.data)
  try {
    return await assemble(options, parts, folder)
  } catch (failure) {
    await parts.stop().catch(() => undefined) // the failure before is the one to tell
    folder.release()
    throw failure
  }
}

async function assemble(options: DemoOptions, parts: Parts, folder: DataFolder): Promise<Demo> {
  const { devices = 20, rate = 5, ports = PORTS } = options
  const data = folder.path
  const log = silentLog
  const clock = systemClock
  const startedAt = performance.now()
  const cloud = parts.add(await Cloud.start(demoCloud(await portOrAny(ports.cloud, HOST)), log))
  const cloudPort = cloud.port
  const receiving = demoReceiver({ data, cloudPort })
  const sink = SqliteSink.open(receiving.data)
  parts.add({ name: 'received.db', stop: async () => sink.close() })
  parts.add(await startReceiver(receiving, { log, clock, sink }))
  const [mqttPort, webPort] = [await portOrAny(ports.mqtt, HOST), await portOrAny(ports.web, HOST)]
  const edge = await startEdge(demoEdge({ data, cloudPort, mqttPort, webPort }), { log, clock })
  parts.add({ name: 'edge', stop: () => edge.stop() })
  const { mqtt, web } = edge.addresses
  const earlier = countStored(data)
  const fleet = parts.add(await Fleet.start(buildPlant(devices, SEED), { ...mqtt, rate, clock }))

  const stop = async (): Promise<Account> => {
    await fleet.stop()
    // Where the cloud cannot come back, because somebody took its port, the account tells what waits.
    await cloud.restore().then(
      () => drained(edge),
      () => undefined,
    )
    await parts.stop()
    const account = closeAccount(data, fleet.counts, earlier)
    if (account.problems.length === 0) folder.release()
    else folder.keep()
    return account
  }
  const got = { mqtt: mqtt.port, cloud: cloudPort, web: web?.port ?? 0 }
  const moved = (['mqtt', 'cloud', 'web'] as const).map((name) => ({ wanted: ports[name], got: got[name] }))
  return {
    intro: {
      devices,
      rate,
      mqtt,
      web,
      data,
      removesData: folder.temporary,
      cloud: { host: HOST, port: cloudPort },
      moved: moved.filter(({ wanted, got }) => wanted !== 0 && wanted !== got),
    },
    toggleCloud: () => cloud.toggle(),
    snapshot: () =>
      snapshotOf(edge, { upMs: performance.now() - startedAt, taken: fleet.counts.readings, cutMs: cloud.cutMs }),
    failed: edge.failed,
    stop,
  }
}

async function snapshotOf(edge: Edge, own: Pick<Snapshot, 'upMs' | 'taken' | 'cutMs'>): Promise<Snapshot> {
  const { store, uplinks, problems } = await edge.status()
  const { readings: stored, rejected, duplicates, quality } = store
  const confirmed = uplinks[0]?.confirmedReadings ?? 0
  const waiting = store.backlogs[0]?.waiting ?? 0
  return { ...own, stored, confirmed, waiting, rejected, duplicates, quality, problems }
}

/** Waits until the edge is connected to the cloud and that has confirmed all, for DRAIN_MS_MAX; never rejects. */
async function drained(edge: Edge): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX
  while (performance.now() < deadline) {
    const status = await edge.status().catch(() => undefined)
    if (status === undefined) return
    const { store, uplinks } = status
    const allConfirmed = store.backlogs.every(({ waiting }) => waiting === 0)
    if (allConfirmed && uplinks.every(({ connected, inFlight }) => connected && inFlight === 0)) return
    await pause(DRAIN_POLL_MS)
  }
}

/** 128 + SIGINT, as a shell tells it. */
const EXIT_INTERRUPTED = 130

/**
 * Runs the demo in front of a person, or of a program, until a signal, `q`, or `forS`.
 * @returns OK when devices, edge and receiver agree on every reading at the end
 */
export async function runDemo(options: RunOptions = {}): Promise<ExitCode> {
  const ending = new Ending()
  const { stdin: input, stdout: output, env } = process
  const screen = options.json ? undefined : new Screen({ output, input, env })
  const report = screen ? new ScreenReport(screen) : new JsonReport((line) => output.write(line))
  try {
    const demo = await startDemo(options)
    report.started(demo.intro)
    screen?.onKey((key) => {
      if (key === 'o') void switchCloud(demo, report)
      else if (key === 'q' || key === '\u0003') ending.request(EXIT_INTERRUPTED)
    })
    if (options.forS !== undefined) ending.after(options.forS)
    await play(demo, report, ending.signal).catch((trouble: unknown) =>
      report.note(`The edge cannot go on: ${messageOf(trouble)}`),
    )
    const account = await demo.stop()
    if (account.problems.length > 0) report.note(`The databases stay for a look: ${demo.intro.data}`)
    report.ended(account)
    return account.problems.length === 0 ? Exit.OK : Exit.FAILED
  } finally {
    screen?.close()
    ending.close()
  }
}

async function switchCloud(demo: Demo, report: Report): Promise<void> {
  try {
    await demo.toggleCloud()
    const { cutMs, waiting } = await demo.snapshot()
    report.note(
      cutMs === undefined
        ? `The cloud is back: the backlog of ${waiting} readings drains.`
        : 'The cloud is cut off: its port refuses connections. Devices are acknowledged as before, and the backlog grows.',
    )
  } catch (trouble) {
    report.note(`The cloud stays as it was: ${messageOf(trouble)}`)
  }
}

/** Shows the state again and again until the signal fires. Rejects when the edge cannot go on. */
async function play(demo: Demo, report: Report, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    report.state(await demo.snapshot())
    await Promise.race([pause(report.everyMs, signal), demo.failed])
  }
  const { cutMs, waiting } = await demo.snapshot()
  const back = cutMs === undefined ? '' : ' The cloud comes back for that.'
  report.note(`Stopping: the devices are switched off, and what waits (${waiting} readings) is delivered.${back}`)
}
