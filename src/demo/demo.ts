import { pause, systemClock } from '../base/clock.ts'
import { Exit, type ExitCode, messageOf } from '../base/errors.ts'
import { Parts } from '../base/lifecycle.ts'
import { silentLog } from '../base/log.ts'
import { type Edge, startEdge } from '../edge/edge.ts'
import { startReceiver } from '../receiver/receiver.ts'
import { SqliteSink } from '../receiver/sqlite/sqlite-sink.ts'
import { closeAccount, countStored, type DemoAccount } from './account.ts'
import { Cloud } from './cloud.ts'
import { DataFolder } from './data-folder.ts'
import { count, type Intro } from './display.ts'
import { Ending } from './ending.ts'
import { DeviceFleet } from './fleet.ts'
import { buildPlant } from './plant.ts'
import { portOrAny } from './ports.ts'
import { type DemoReport, JsonReport, ScreenReport } from './report.ts'
import { Screen } from './screen.ts'
import { demoCloud, demoEdge, demoReceiver, HOST } from './settings.ts'
import type { Snapshot } from './snapshot.ts'

export interface DemoOptions {
  /** Folder for both databases; undefined: a temporary one that is removed at the end. */
  readonly data?: string | undefined
  /** 1 or more; default 20. */
  readonly devices?: number | undefined
  /** Messages per second of each device; default 5. */
  readonly rate?: number | undefined
  /** Preferred ports. If a port is in use, or is 0, any free port is used. */
  readonly ports?: { readonly mqtt: number; readonly cloud: number; readonly web: number } | undefined
}

export interface RunOptions extends DemoOptions {
  /** Stops after this many seconds; undefined: runs until a signal or key. */
  readonly forS?: number | undefined
  /** Print one JSON object per line. */
  readonly json?: boolean | undefined
}

/** A running demo. */
export interface Demo {
  readonly intro: Intro
  /** Cuts the cloud, or restores it. Resolves when that is done; rejects if another program took the port. */
  toggleCloud(): Promise<void>
  snapshot(): Promise<Snapshot>
  /** Rejects when the edge cannot continue; the demo must then be stopped. */
  readonly failed: Promise<never>
  /**
   * Stops the devices, restores the cloud, waits until the backlog has drained, stops everything else and counts. If the
   * counts do not agree, a temporary folder is kept for inspection.
   */
  stop(): Promise<DemoAccount>
}

const PORTS = { mqtt: 1883, cloud: 1884, web: 8080 }
const SEED = 1
/** A backlog that has not drained within this time (milliseconds) is reported as waiting. */
const DRAIN_MS_MAX = 60_000
const DRAIN_POLL_MS = 50

/**
 * Starts cloud broker, receiver, edge and devices in this process, connected by MQTT over the loopback interface.
 * @throws OperatorError if the data folder is in use or cannot be written; nothing is left running
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const parts = new Parts()
  const folder = new DataFolder(options.data)
  try {
    return await assemble(options, parts, folder)
  } catch (failure) {
    await parts.stop().catch(() => undefined) // the first failure is the one to report
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
  const fleet = parts.add(await DeviceFleet.start(buildPlant(devices, SEED), { ...mqtt, rate, clock }))

  const stop = async (): Promise<DemoAccount> => {
    await fleet.stop()
    // If the cloud cannot be restored, because its port is in use, the account shows the waiting readings.
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

/** Waits until the edge is connected and everything is confirmed, for at most DRAIN_MS_MAX; never rejects. */
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

/** 128 + SIGINT, as shells report it. */
const EXIT_INTERRUPTED = 130

/**
 * Runs the demo with output for a person or, with `json`, for a program, until a signal, the key `q`, or `forS`.
 * @returns OK if the counts of devices, edge and receiver agree at the end
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
      report.note(`The edge cannot continue: ${messageOf(trouble)}`),
    )
    const account = await demo.stop()
    if (account.problems.length > 0) report.note(`The databases are kept for inspection: ${demo.intro.data}`)
    report.ended(account)
    return account.problems.length === 0 ? Exit.OK : Exit.FAILED
  } finally {
    screen?.close()
    ending.close()
  }
}

async function switchCloud(demo: Demo, report: DemoReport): Promise<void> {
  try {
    await demo.toggleCloud()
    const { cutMs, waiting } = await demo.snapshot()
    report.note(
      cutMs === undefined
        ? `The cloud is back. The backlog of ${count(waiting)} readings drains.`
        : 'The cloud is cut off: its port refuses connections. The edge still acknowledges every device, and the backlog grows.',
    )
  } catch (trouble) {
    report.note(`The cloud could not be switched: ${messageOf(trouble)}`)
  }
}

/** Shows the state periodically until the signal fires. Rejects if the edge cannot continue. */
async function play(demo: Demo, report: DemoReport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    report.state(await demo.snapshot())
    await Promise.race([pause(report.everyMs, signal), demo.failed])
  }
  const { cutMs, waiting } = await demo.snapshot()
  const back = cutMs === undefined ? '' : ' The cloud is switched on again for that.'
  report.note(`Stopping: the devices are off; delivering the backlog (${count(waiting)} readings).${back}`)
}
