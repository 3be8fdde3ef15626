import type { EdgeStatus } from '../../src/edge/status.ts'
import type { Link, LinkOptions } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import type { Mosquitto } from '../../support/mosquitto.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

export const DOWN = { topic: 'commands/{edge}/#', direction: 'down', to: 'local/{rest}' }
export const TOPICS = ['pump/1', 'pump/2', 'valve']

export interface Heard {
  readonly topic: string
  readonly text: string
  readonly retained: boolean
}

export async function link(url: string, options: Partial<LinkOptions>): Promise<Link> {
  const opened = await openLink({
    url,
    clientId: 'test',
    session: false,
    keepaliveS: 60,
    connectTimeoutMs: 5_000,
    ...options,
  })
  onStop(() => opened.destroy())
  return opened
}

/** A local client that keeps what it gets. */
export async function subscriber(
  edge: SiteEdge,
  filter: string,
  { qos = 1, ...options }: { qos?: 0 | 1 } & Partial<LinkOptions> = {},
): Promise<{ heard: Heard[]; link: Link }> {
  const heard: Heard[] = []
  const onMessage = (topic: string, payload: Uint8Array, { retained }: { retained: boolean }): void => {
    heard.push({ topic, text: Buffer.from(payload).toString(), retained })
  }
  const opened = await link(`mqtt://127.0.0.1:${edge.port}`, { clientId: 'device', onMessage, ...options })
  await opened.subscribe(filter, qos)
  return { heard, link: opened }
}

export function connected(edge: SiteEdge): Promise<EdgeStatus> {
  return until(
    async () => {
      const status = await edge.status().catch(() => undefined)
      return status?.down[0]?.connected ? status : undefined
    },
    { what: 'the edge receives from the cloud' },
  )
}

export async function startEdge(cloudUrl: string, settings: Record<string, unknown> = {}): Promise<SiteEdge> {
  const uplinks = [{ url: cloudUrl, ...QUICK_UPLINK, confirm: 'puback' }]
  const edge = await SiteEdge.create({ uplinks, routes: [DOWN], ...settings })
  await edge.start()
  await connected(edge)
  return edge
}

/** Publishes the numbers from `first` up to before `end` in the cloud, on the topics in turn. */
export async function publishNumbers(cloud: Mosquitto, first: number, end: number): Promise<void> {
  const sender = await link(cloud.url, { clientId: `sender-${first}` })
  for (let n = first; n < end; n++) {
    await sender.publish(`commands/site/${TOPICS[n % TOPICS.length]}`, Buffer.from(`${n}`), { qos: 1 })
  }
  await sender.close()
}

/** Each number in its order for each topic, repeats of an earlier part left out; a gap shows as a missing number. */
export function numbersOf(heard: readonly Heard[]): number[] {
  const seen = TOPICS.map((topic, place) => {
    let next = place
    for (const { text } of heard.filter((one) => one.topic === `local/${topic}`)) {
      if (Number(text) === next) next += TOPICS.length
    }
    return Array.from({ length: (next - place) / TOPICS.length }, (_, i) => place + i * TOPICS.length)
  })
  return seen.flat().sort((a, b) => a - b)
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

export async function untilHeard(heards: readonly Heard[][], count: number): Promise<void> {
  await until(() => numbersOf(heards.flat()).length >= count, { deadlineMs: 40_000, what: `${count} messages arrive` })
}

export async function accountOf(edge: SiteEdge) {
  return (await edge.status()).store.down
}
