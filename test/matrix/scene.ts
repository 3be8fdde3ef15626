import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { type BadLink, startBadLink } from './bad-link.ts'
import type { CloudBroker } from './brokers.ts'
import { Load } from './load.ts'

/** Shorter than every freeze of a link. */
export const CONFIRM_TIMEOUT_MS = 2_000
/** Seconds after which the receiver sends a PINGREQ; after twice this time without an answer it closes its connection. */
const KEEPALIVE_S = 1

/** A link with the round trips of two satellite hops that loses one packet in twenty. */
const BAD_LINK = { delayMs: 1_000, lossPercent: 5 }
/** Timeouts longer than round trips with losses; batches of the default size. */
const PATIENT = { ...QUICK_UPLINK, confirmTimeoutMs: 15_000, connectTimeoutMs: 15_000, batchReadingsMax: 20_000 }
const QUICK = { ...QUICK_UPLINK, confirmTimeoutMs: CONFIRM_TIMEOUT_MS, connectTimeoutMs: 2_000, batchReadingsMax: 50 }

/** Real processes around one cloud broker, under load. */
export interface Scene {
  readonly cloud: CloudBroker
  readonly edge: SiteEdge
  readonly receiver: SiteReceiver
  readonly edgeLink: TcpProxy
  readonly receiverLink: TcpProxy
  readonly badLink: BadLink | undefined
  readonly load: Load
  /** Uniform in [0, 1). */
  readonly random: () => number
}

export interface SceneOptions {
  readonly cloud: CloudBroker
  /** Prefix of topics and client ids, because the broker keeps those of earlier cells. */
  readonly name: string
  readonly badLink: boolean
  readonly seed: number
  readonly random: () => number
}

export async function startScene({ cloud, name, badLink: isBad, seed, random }: SceneOptions): Promise<Scene> {
  const edgeLink = await startProxy({ to: cloud.port })
  const receiverLink = await startProxy({ to: cloud.port })
  const badLink = isBad ? await startBadLink({ to: cloud.port, ...BAD_LINK, seed }) : undefined
  const session = { prefix: name, backoffMinMs: 50, backoffMaxMs: 500 }
  const receiver = new SiteReceiver(receiverLink.url, {
    cloud: {
      ...session,
      url: receiverLink.url,
      clientId: `${name}-receiver`,
      keepaliveS: KEEPALIVE_S,
      connectTimeoutMs: 2_000,
    },
  })
  const uplink = { ...(isBad ? PATIENT : QUICK), ...session, clientId: `${name}-edge` }
  const edge = await SiteEdge.create({ uplinks: [{ ...uplink, url: badLink?.url ?? edgeLink.url }] })
  await Promise.all([receiver.start(), edge.start()])
  return { cloud, edge, receiver, edgeLink, receiverLink, badLink, load: new Load(edge.port), random }
}

/** Ends everything but the broker. @returns the description of the bad link, if there is one. */
export async function stopScene({ edge, receiver, edgeLink, receiverLink, badLink, load }: Scene): Promise<string> {
  load.stop()
  await Promise.all([edge.kill(), receiver.kill(), edgeLink.stop(), receiverLink.stop()])
  return (await badLink?.stop()) ?? ''
}
