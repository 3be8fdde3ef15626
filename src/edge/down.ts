import type { Parts } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import type { OwnMessages } from '../broker/own-messages.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { StoreClient } from '../store-thread/client.ts'
import { DownDelivering } from '../uplink/down/delivering.ts'
import { type DownLinkStats, DownReceiving } from '../uplink/down/receiving.ts'
import { DownRoutes } from '../uplink/down/routes.ts'

/** The way of messages from the cloud to local clients. */
export interface Down {
  /** Orders were carried out: messages may have been removed. */
  notify(): void
  stats(): DownLinkStats[]
}

/**
 * Starts the way down: a connection to each uplink that a down route names, and the delivery of what is stored. Messages
 * that wait from an earlier start are delivered without such a route, too.
 */
export function startDown(
  { edge, routes, uplinks }: EdgeSettings,
  { thread, log, broker, parts }: { thread: StoreClient; log: Log; broker: OwnMessages; parts: Parts },
): Down {
  const delivering = parts.add(
    DownDelivering.start(
      {
        turn: (given) => thread.call('downTurn', given),
        payload: (id) => thread.call('downPayload', { id }),
      },
      { broker, log: log.child({ part: 'down' }) },
    ),
  )
  const links = uplinks
    .map((uplink) => ({ uplink, downRoutes: new DownRoutes(routes, { edge, uplink }) }))
    .filter(({ downRoutes }) => downRoutes.filters.length > 0)
    .map(({ uplink, downRoutes }) => {
      return parts.add(
        DownReceiving.start(uplink, downRoutes, {
          edge,
          log: log.child({ part: 'down', uplink: uplink.name }),
          random: Math.random,
          add: (messages) => thread.call('downAdd', { messages }),
          onStored: () => delivering.notify(),
        }),
      )
    })
  return { notify: () => delivering.notify(), stats: () => links.map((link) => link.stats()) }
}
