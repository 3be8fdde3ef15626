import type { Link, LinkOptions } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import type { Format } from './format/format.ts'

/** Receipts with as many ranges as they may have, requests and configs of devices are far smaller (bytes). */
const RECEIVED_BYTES_MAX = 1_048_576

export interface ConnectOptions extends Pick<LinkOptions, 'warn' | 'signal' | 'onMessage'> {
  readonly edge: string
  readonly statusTopic: string
  /** The will of the format; undefined: the offline status. */
  readonly will: Format['will']
}

/** Opens the link of an uplink: a clean session, and a will that says that the edge is offline. */
export function connect(
  settings: UplinkSettings,
  { edge, statusTopic, will, ...options }: ConnectOptions,
): Promise<Link> {
  const { url, clientId, name, username, password, keepaliveS, connectTimeoutMs, statusRetain, tls } = settings
  const offline = { topic: statusTopic, payload: Buffer.from('{"state":"offline"}'), qos: 1 } as const
  return openLink({
    url,
    clientId: clientId ?? `tidegate-${edge}-${name}`,
    username,
    password,
    tls,
    session: false,
    receivedBytesMax: RECEIVED_BYTES_MAX,
    keepaliveS,
    connectTimeoutMs,
    will: will === undefined ? { ...offline, retain: statusRetain } : { ...will, payload: Buffer.from(will.payload) },
    ...options,
  })
}

/**
 * Subscribes to all filters with QoS 1. Destroys the link if the broker does not answer within `ms` milliseconds in
 * total, or if the signal fires.
 * @throws Error with the reason
 */
export async function subscribeWithin(
  link: Link,
  filters: readonly string[],
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    link.destroy()
  }, ms)
  const stopped = (): void => link.destroy()
  signal.addEventListener('abort', stopped, { once: true })
  try {
    for (const filter of filters) await link.subscribe(filter, 1)
  } catch (failure) {
    throw late ? new Error(`the broker did not answer a subscription within ${ms} ms`) : failure
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stopped)
  }
}
