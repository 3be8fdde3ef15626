import type { Clock } from '../base/clock.ts'
import { MachineElapsedClock } from '../base/elapsed-time.ts'
import { Parts } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import { Broker } from '../broker/broker.ts'
import { ConfigIngest } from '../ingest/config-ingest.ts'
import { Ingest, type IngestOptions } from '../ingest/ingest.ts'
import { QueryClient } from '../query/query-client.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import { configCarrier } from '../settings/schema/config.ts'
import { BackupSchedule } from '../store/backup/backup-schedule.ts'
import type { SpaceLevel } from '../store/housekeeping/space.ts'
import { StoreClient } from '../store-thread/client.ts'
import type { LocalMessage } from '../store-thread/config-protocol.ts'
import type { Uplink } from '../uplink/uplink.ts'
import type { StatusServer, WebAddress, WebSources } from '../web/status-server.ts'
import { brokerProblems } from './broker-problems.ts'
import { clockProblems } from './clock-problems.ts'
import { ClockWatch } from './clock-watch.ts'
import { type Down, startDown } from './down.ts'
import { downProblems } from './down-problems.ts'
import { EdgeIntake } from './intake.ts'
import { sessionProblems } from './session-problems.ts'
import { SharedStatus } from './shared-status.ts'
import { ACK_MS_SLOW, COMMIT_MS_SLOW, diskOf } from './slow-disk.ts'
import { type EdgeStatus, findProblems, shownProblem } from './status.ts'
import { unroutedProblems } from './unrouted-problems.ts'
import { startUplink } from './uplinks.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A running edge. */
export interface Edge {
  readonly addresses: { readonly mqtt: Address; readonly web: Address | undefined }
  status(): Promise<EdgeStatus>
  /** Rejects when the edge cannot continue; the caller must stop it then. */
  readonly failed: Promise<never>
  /** Closes the listeners, commits what was taken, disconnects from the cloud, closes the database. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly log: Log
  readonly clock: Clock
  /** Take over a data folder that belongs to an edge with another name. */
  readonly adopt?: boolean
}

/**
 * Wires the parts of an edge and starts them, the store first: nothing is accepted before it can be stored. Devices are
 * let in last, when nothing can fail any more: a device that was connected must not see the edge end. The broker stops
 * first. This is the only place that knows every part of an edge.
 * @throws OperatorError when a port, the data folder or the database is not available, or the data folder belongs to
 * another edge; nothing is left running then.
 */
export async function startEdge(settings: EdgeSettings, { log, clock, adopt = false }: StartOptions): Promise<Edge> {
  const parts = new Parts()
  try {
    return await assemble(settings, { log, clock, adopt, parts })
  } catch (failure) {
    await parts.stop().catch((trouble: unknown) => log.error({ err: trouble }, 'clean-up failed'))
    throw failure
  }
}

async function assemble(
  settings: EdgeSettings,
  { log, clock, adopt, parts }: Required<StartOptions> & { readonly parts: Parts },
): Promise<Edge> {
  const startedAt = performance.now()
  const { edge, routes, store, quality, uplinks: uplinkSettings, config } = settings
  const uplinks: Uplink[] = []
  let down: Down | undefined
  let publish: (message: LocalMessage) => void = () => undefined // no local clients before the broker starts
  const thread = parts.add(
    await StoreClient.start(
      {
        folder: settings.data,
        adopt,
        commitMsSlow: COMMIT_MS_SLOW,
        settings: { edge, routes, store, quality, uplinks: uplinkSettings, config },
      },
      {
        onNotice: ({ level, text, err }) => log[level]({ part: 'store', err }, text),
        onOrdered: () => {
          for (const uplink of uplinks) uplink.notify()
          down?.notify()
        },
        onConfig: ({ messages, waiting }) => {
          for (const message of messages) publish(message)
          if (waiting) for (const uplink of uplinks) uplink.notifyConfigs()
        },
      },
    ),
  )
  const { syncedFile } = settings.clock
  const clockWatch = parts.add(await ClockWatch.start(thread, { elapsedClock: new MachineElapsedClock(), syncedFile }))
  const backups =
    store.backup.everyHours > 0
      ? parts.add(new BackupSchedule({ folder: settings.data, settings: store, clock: clockWatch, log }))
      : undefined
  const ingest = new Ingest(thread, settings, {
    clock,
    ackMsSlow: ACK_MS_SLOW,
    onStored: (readings, messages) => {
      for (const uplink of uplinks) {
        if (messages > 0) uplink.notify()
        else uplink.notifyStored(readings)
      }
    },
    onRefusal: refusalLogger(log),
  })
  const configs = config.enabled ? startConfigs(thread, log, (message) => publish(message)) : undefined
  const broker = await Broker.create(settings.broker, {
    intake: new EdgeIntake(ingest, configs),
    incoming: await thread.call('incoming', undefined),
    log: log.child({ part: 'broker' }),
  })
  publish = ({ topic, payload, retain }) => broker.own.publish({ topic, payload: Buffer.from(payload), qos: 1, retain })
  let web: StatusServer | undefined
  const shared = new SharedStatus(() =>
    readStatus(settings, { thread, ingest, broker, uplinks, backups, web, clock, startedAt, down }),
  )
  const status = (): Promise<EdgeStatus> => shared.get()
  const history = parts.add(new QueryClient(settings.data))
  try {
    if (settings.web.enabled) web = parts.add(await startWeb(settings.web, { status, history, clock }))
    const carrier = configCarrier(config, uplinkSettings)
    for (const one of uplinkSettings) {
      const carried = one.name === carrier ? configs : undefined
      uplinks.push(parts.add(startUplink(one, { edge, thread, log, clock, clockWatch, status, configs: carried })))
    }
    void configs?.restart()
    down = startDown(settings, { thread, log, broker: broker.own, parts })
    await broker.listen()
  } catch (failure) {
    await broker.stop()
    throw failure
  }
  parts.add(broker)
  return {
    addresses: { mqtt: broker.address, web: web?.address },
    status,
    failed: thread.died,
    stop: () => parts.stop(),
  }
}

interface RunningParts {
  readonly thread: StoreClient
  readonly ingest: Ingest
  readonly broker: Broker
  readonly uplinks: readonly Uplink[]
  readonly backups: BackupSchedule | undefined
  readonly web: StatusServer | undefined
  readonly clock: Clock
  readonly down: Down | undefined
  /** Monotonic milliseconds. */
  readonly startedAt: number
}

async function readStatus(
  { edge, store, data, broker: limits }: EdgeSettings,
  parts: RunningParts,
): Promise<EdgeStatus> {
  const { thread, ingest, broker, uplinks, backups, web, clock, startedAt, down } = parts
  const storeStatus = await thread.call('status', undefined)
  const { pendingBytes, acks } = ingest
  const latency = { commits: storeStatus.commits, acks, disk: () => diskOf(data) }
  const refusedBecause = stillRefused(ingest, storeStatus.space.level)
  const upMs = Math.round(performance.now() - startedAt)
  const stats = uplinks.map((uplink) => uplink.stats())
  const space = { hoursLeft: storeStatus.space.hoursLeft, whenFull: store.whenFull }
  const backup = backups?.status
  const found = findProblems({ ...storeStatus, refusedBecause, latency, backup, upMs, space, uplinks: stats })
  const brokerStats = broker.stats()
  const downLinks = down?.stats() ?? []
  const problems = [
    ...found,
    ...clockProblems(storeStatus),
    ...brokerProblems(brokerStats),
    ...unroutedProblems(brokerStats.unrouted, storeStatus.unrouted, limits),
    ...sessionProblems(brokerStats),
    ...downProblems(downLinks, storeStatus.down),
  ].map(shownProblem)
  return {
    edge,
    version,
    at: clock.now(),
    upMs,
    healthy: problems.length === 0,
    problems,
    broker: brokerStats,
    web: web?.stats(),
    store: { ...storeStatus, pendingBytes, refusedBecause, acks },
    uplinks: stats,
    down: downLinks,
    backup,
  }
}

/** A store can have space for small commits while it refuses large ones: a refusal is shown for at least this time (ms). */
const REFUSAL_SHOWN_MS = 10_000

/** Drops the refusal of a full store once the store has ample space again, without waiting for the next commit. */
function stillRefused({ refusedBecause, refusedAt }: Ingest, level: SpaceLevel): string | undefined {
  if (!refusedBecause?.startsWith('STORE_FULL') || level !== 'ample') return refusedBecause
  return performance.now() - refusedAt < REFUSAL_SHOWN_MS ? refusedBecause : undefined
}

/** Starts config sync over the store thread. */
function startConfigs(thread: StoreClient, log: Log, publish: (message: LocalMessage) => void): ConfigIngest {
  return new ConfigIngest(
    {
      events: (events) => thread.call('configEvents', { events }),
      restart: (after) => thread.call('configRestart', { after }),
    },
    { log: log.child({ part: 'config' }), publish },
  )
}

/** Loaded only when enabled: the HTTP server takes the largest part of an idle edge's memory. */
async function startWeb(address: WebAddress, sources: WebSources): Promise<StatusServer> {
  const { StatusServer } = await import('../web/status-server.ts')
  return StatusServer.start(address, sources)
}

/**
 * A store at its limit can refuse one commit and take the next: the refusal is logged at most once in this time (ms).
 */
const REFUSAL_LOG_EVERY_MS = 10_000

function refusalLogger(log: Log): IngestOptions['onRefusal'] {
  let loggedAt = -Infinity
  let logged = false
  return (reason, err) => {
    if (reason === undefined) {
      if (logged) log.info('readings are stored and acknowledged again')
      logged = false
    } else if (performance.now() - loggedAt >= REFUSAL_LOG_EVERY_MS) {
      log.error({ reason, err }, 'readings cannot be stored and are not acknowledged: devices keep them')
      loggedAt = performance.now()
      logged = true
    }
  }
}
