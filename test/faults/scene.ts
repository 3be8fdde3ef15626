import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../../support/mosquitto.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'

export interface Scene {
  readonly cloud: Mosquitto
  readonly receiver: SiteReceiver
  readonly edge: SiteEdge
}

/** A cloud broker, a receiver and an edge, all running. `edgeSettings` may depend on the address of the broker. */
export async function startScene(
  options: { cloud?: MosquittoOptions; uplink?: object; edge?: Record<string, unknown> } = {},
): Promise<Scene> {
  const cloud = await startMosquitto(options.cloud)
  const receiver = new SiteReceiver(cloud.url)
  const uplinks = [{ url: cloud.url, ...QUICK_UPLINK, ...options.uplink }]
  const edge = await SiteEdge.create({ uplinks, ...options.edge })
  await Promise.all([receiver.start(), edge.start()])
  return { cloud, receiver, edge }
}

/** The rows of one device in a table of readings, whose values should be 0, 1, 2, … without a gap. */
export interface Account {
  readonly rows: number
  readonly different: number
  readonly least: number | null
  readonly most: number | null
}

export function accountOf(receiver: SiteReceiver, device: string): Account {
  return receiver.query<Account>(
    `SELECT count(*) AS rows, count(DISTINCT value) AS different, min(value) AS least, max(value) AS most
     FROM readings WHERE device = '${device}'`,
  )[0]!
}

/** The account when every value from 0 on has arrived once. */
export function eachOnce(count: number): Account {
  return { rows: count, different: count, least: 0, most: count - 1 }
}
