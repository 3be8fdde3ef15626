import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { Parts } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import { Broker } from '../broker/broker.ts'
import { ConfigSync } from '../ingest/config-ingest.ts'
import { Ingest } from '../ingest/ingest.ts'
import { QueryClient } from '../query/query-client.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import { configCarrier } from '../settings/schema/config.ts'
import { BackupSchedule } from '../store/backup/backup-schedule.ts'
import type { SpaceLevel } from '../store/housekeeping/space.ts'
import { StoreClient } from '../store-thread/client.ts'
import type { ConfigOutbox } from '../uplink/config-publisher.ts'
import { Uplink } from '../uplink/uplink.ts'
import type { StatusServer, WebSources } from '../web/status-server.ts'
import { EdgeIntake } from './intake.ts'
import { type EdgeStatus, findProblems } from './status.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A running edge. */
export interface Edge {
  readonly addresses: { readonly mqtt: Address; readonly web: Address | undefined }
  status(): Promise<EdgeStatus>
  /** Rejects when the edge cannot go on; it must be stopped then. */
  readonly failed: Promise<never>
  /** Takes no more, commits what was taken, says goodbye to the cloud, closes the database. */
  stop(): Promise<void>
}

/**
 * Puts an edge together and starts it, disk first and devices last: nothing is taken before it can be kept. The only
 * place that knows every part of an edge.
 * @throws OperatorError when a port, the data folder or the database is not to be had; nothing is left running then.
 */
export async function startEdge(settings: EdgeSettings, { log, clock }: { log: Log; clock: Clock }): Promise<Edge> {
  const parts = new Parts()
  try {
    return await assemble(settings, { log, clock, parts })
  } catch (failure) {
    await parts.stop().catch((trouble: unknown) => log.error({ failure: messageOf(trouble) }, 'clean-up failed'))
    throw failure
  }
}

async function assemble(
  settings: EdgeSettings,
  { log, clock, parts }: { log: Log; clock: Clock; parts: Parts },
): Promise<Edge> {
  const startedAt = performance.now()
  const { edge, store, quality, uplinks: uplinkSettings, config } = settings
  const thread = parts.add(
    await StoreClient.start(
      { folder: settings.data, settings: { edge, store, quality, uplinks: uplinkSettings, config } },
      ({ level, text }) => log[level]({ part: 'store' }, text),
    ),
  )
  const backups =
    store.backup.everyHours > 0
      ? parts.add(new BackupSchedule({ folder: settings.data, settings: store, clock, log }))
      : undefined
  const uplinks: Uplink[] = []
  const ingest = new Ingest(thread, settings, {
    clock,
    onStored: (readings, messages) => {
      for (const uplink of uplinks) uplink.notify(messages > 0 ? 0 : readings)
    },
    onRefusal: refusalTeller(log),
  })
  const configs = config.enabled ? startConfigs(thread, log, (message) => broker.publish(message)) : undefined
  const broker: Broker = await Broker.start(settings.broker, {
    intake: new EdgeIntake(ingest, configs),
    incoming: await thread.call('incoming', undefined),
    log: log.child({ part: 'broker' }),
  })

  const status = async (): Promise<EdgeStatus> => {
    const storeStatus = await thread.call('status', undefined)
    const { pendingBytes } = ingest
    const refusedBecause = stillRefused(ingest.refusedBecause, storeStatus.space.level)
    const upMs = performance.now() - startedAt
    const stats = uplinks.map((uplink) => uplink.stats())
    const space = { hoursLeft: storeStatus.space.hoursLeft, whenFull: store.whenFull }
    const { backlogs, forwards, configs, damage } = storeStatus
    const backup = backups?.status
    const problems = findProblems({
      ...{ refusedBecause, backlogs, forwards, configs, damage, backup, upMs, space },
      uplinks: stats,
    })
    return {
      edge,
      version,
      at: clock.now(),
      upMs,
      healthy: problems.length === 0,
      problems,
      broker: broker.stats(),
      store: { ...storeStatus, pendingBytes, refusedBecause },
      uplinks: stats,
      backup,
    }
  }
  const carrier = configCarrier(config, uplinkSettings)
  for (const one of uplinkSettings) {
    const carried = one.name === carrier ? configs : undefined
    uplinks.push(parts.add(startUplink(one, { edge, thread, log, clock, status, configs: carried })))
  }
  thread.onOrdered = () => {
    for (const uplink of uplinks) uplink.notify(0)
  }
  thread.onConfig = ({ messages, waiting }) => {
    for (const { topic, payload, retain } of messages) {
      broker.publish({ topic, payload: Buffer.from(payload), qos: 1, retain })
    }
    if (waiting) for (const uplink of uplinks) uplink.notifyConfigs()
  }
  void configs?.restart()
  const history = parts.add(new QueryClient(settings.data))
  const web = settings.web.enabled ? parts.add(await startWeb(settings.web, { status, history, clock })) : undefined
  parts.add(broker)
  return {
    addresses: { mqtt: broker.address, web: web?.address },
    status,
    failed: thread.died,
    stop: () => parts.stop(),
  }
}

/** Configs between local clients, the store thread and the cloud. */
function startConfigs(
  thread: StoreClient,
  log: Log,
  publish: (message: Parameters<Broker['publish']>[0]) => void,
): ConfigSync {
  return new ConfigSync(
    {
      events: async (events) => void (await thread.call('configEvents', { events })),
      restart: (after) => thread.call('configRestart', { after }),
    },
    {
      log: log.child({ part: 'config' }),
      publish: ({ topic, payload, retain }) => publish({ topic, payload: Buffer.from(payload), qos: 1, retain }),
    },
  )
}

interface UplinkAround {
  readonly edge: string
  readonly thread: StoreClient
  readonly log: Log
  readonly clock: Clock
  readonly status: () => Promise<EdgeStatus>
  /** Where this uplink carries configs. */
  readonly configs: ConfigSync | undefined
}

function startUplink(settings: EdgeSettings['uplinks'][number], around: UplinkAround): Uplink {
  const { edge, thread, log, clock, status, configs } = around
  const uplink = settings.name
  return Uplink.start(settings, {
    edge,
    log: log.child({ part: 'uplink' }),
    clock,
    random: Math.random,
    outbox: {
      next: (ask) => thread.call('next', { uplink, ...ask }),
      confirm: (confirmation) => thread.call('confirm', { uplink, ...confirmation }),
      confirmAmendments: async (confirmation) => {
        await thread.call('confirmAmendments', { uplink, ...confirmation })
      },
      refuse: (refused) => thread.call('refuse', { uplink, ...refused }),
      confirmMessages: async (ids) => {
        await thread.call('confirmMessages', { uplink, ids })
      },
      refuseMessage: (refused) => thread.call('refuseMessage', { uplink, ...refused }),
      askAgain: async (request) => {
        await thread.call('askAgain', { uplink, ...request })
      },
      release: async (spent) => {
        await thread.call('release', { uplink, spent })
      },
      spent: () => thread.call('spent', { uplink }),
    },
    ...(configs !== undefined && { configs: configOutbox(thread, configs) }),
    report: async () => {
      const { version, at, upMs, healthy, problems, store } = await status()
      const backlog = store.backlogs.find((one) => one.uplink === uplink)
      const messages = store.forwards.uplinks.find((one) => one.uplink === uplink)
      const { epoch, lastSeq } = store
      return { version, at, upMs, healthy, problems, epoch, lastSeq, backlog, messages }
    },
  })
}

function configOutbox(thread: StoreClient, configs: ConfigSync): ConfigOutbox {
  return {
    next: (countMax) => thread.call('configNext', { countMax }),
    answered: async (answers) => void (await thread.call('configAnswered', { answers })),
    desired: (device, payload) => configs.desired(device, payload),
    release: async () => void (await thread.call('configRelease', undefined)),
  }
}

/** A store that was full is known to have ample room again before the next publish has proved it. */
function stillRefused(reason: string | undefined, level: SpaceLevel): string | undefined {
  return reason?.startsWith('STORE_FULL') && level === 'ample' ? undefined : reason
}

/** Loaded only where it is wanted: the HTTP server is the largest part of an idle edge's memory. */
async function startWeb(address: Address, sources: WebSources): Promise<StatusServer> {
  const { StatusServer } = await import('../web/status-server.ts')
  return StatusServer.start(address, sources)
}

/** A store at its limit can refuse one commit and take the next: it is told of at most so often (ms). */
const REFUSAL_TOLD_MS = 10_000

function refusalTeller(log: Log): (reason: string | undefined) => void {
  let toldAt = -Infinity
  let told = false
  return (reason) => {
    if (reason === undefined) {
      if (told) log.info('readings are stored and acknowledged again')
      told = false
    } else if (performance.now() - toldAt >= REFUSAL_TOLD_MS) {
      log.error({ reason }, 'readings cannot be stored and are not acknowledged: devices keep them')
      toldAt = performance.now()
      told = true
    }
  }
}
