import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { ConfigIngest } from '../ingest/config-ingest.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { StoreClient } from '../store-thread/client.ts'
import type { ConfigOutbox } from '../uplink/config-publisher.ts'
import { Uplink } from '../uplink/uplink.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { EdgeStatus } from './status.ts'

export interface UplinkWiring {
  readonly edge: string
  readonly thread: StoreClient
  readonly log: Log
  readonly clock: Clock
  readonly clockWatch: ClockWatch
  readonly status: () => Promise<EdgeStatus>
  /** Config sync, if this uplink carries configs. */
  readonly configs: ConfigIngest | undefined
}

/** Starts an uplink whose outbox is the store thread. */
export function startUplink(settings: EdgeSettings['uplinks'][number], wiring: UplinkWiring): Uplink {
  const { edge, thread, log, clock, clockWatch, status, configs } = wiring
  const uplink = settings.name
  return Uplink.start(settings, {
    edge,
    log: log.child({ part: 'uplink', uplink }),
    clock,
    steadyClock: clockWatch,
    onTime: (at) => clockWatch.heard(at),
    random: Math.random,
    outbox: {
      next: (ask) => thread.call('next', { uplink, ...ask }),
      confirm: (confirmation) => thread.call('confirm', { uplink, ...confirmation }),
      confirmAmendments: (confirmation) => thread.call('confirmAmendments', { uplink, ...confirmation }),
      refuse: (refused) => thread.call('refuse', { uplink, ...refused }),
      confirmMessages: async (ids) => {
        await thread.call('confirmMessages', { uplink, ids })
      },
      refuseMessage: (refused) => thread.call('refuseMessage', { uplink, ...refused }),
      requestResend: async (request) => {
        await thread.call('requestResend', { uplink, ...request })
      },
      release: async (spent) => {
        await thread.call('release', { uplink, spent })
      },
      spent: () => thread.call('spent', { uplink }),
      pause: (sending) => thread.call('pause', { uplink, ...sending }),
      pausedSince: () => thread.call('pausedSince', { uplink }),
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

function configOutbox(thread: StoreClient, configs: ConfigIngest): ConfigOutbox {
  return {
    next: (countMax) => thread.call('configNext', { countMax }),
    answered: async (answers) => void (await thread.call('configAnswered', { answers })),
    desired: (device, payload) => configs.desired(device, payload),
    release: async () => void (await thread.call('configRelease', undefined)),
  }
}
