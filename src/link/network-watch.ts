import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { pause } from '../base/clock.ts'
import { addressOf } from './address.ts'

/** Time between two checks (ms); in a long outage they are rarer, because each costs about 100 bytes on the link. */
const CHECK_MS = 1_000
const CHECK_LATER_MS = 2_000
const LATER_AFTER_MS = 120_000
/** Time limit for one TCP connection (ms). A slower link is left to the attempts of the backoff. */
const PROBE_MS = 2_500

/** Columns of /proc/net/route: interface, destination, gateway, flags. The others count packets. */
const ROUTE_COLUMNS = 4

/** The addresses and routes of this machine as one text, to be compared. Link-local addresses lead to no broker. */
export function networkState(): string {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list.filter(({ internal, address }) => !internal && !address.startsWith('fe80:')).map((one) => name + one.address),
  )
  return [...addresses.toSorted(), ...routes()].join('\n')
}

/** IPv4 routes; none where the system does not list them in a file. */
function routes(): string[] {
  try {
    const lines = readFileSync('/proc/net/route', 'utf8').trimEnd().split('\n').slice(1)
    return lines.map((line) => line.split('\t').slice(0, ROUTE_COLUMNS).join(' ')).toSorted()
  } catch {
    return []
  }
}

/** Whether the address of this URL accepts a TCP connection within PROBE_MS. Never rejects. */
export async function acceptsTcp(url: string, signal: AbortSignal): Promise<boolean> {
  const { host, port } = addressOf(url)
  // Resolved separately, and waited for: a lookup that is abandoned would still occupy a thread.
  const addresses = await lookup(host, { all: true }).catch(() => [])
  if (addresses.length === 0 || signal.aborted) return false
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      lookup: (_host, { all }, found) =>
        all === true ? found(null, addresses) : found(null, addresses[0]!.address, addresses[0]!.family),
    })
    const end = (accepts: boolean): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(accepts)
    }
    const abort = (): void => end(false)
    const timer = setTimeout(abort, PROBE_MS)
    signal.addEventListener('abort', abort, { once: true })
    socket.on('connect', () => end(true)).on('error', abort)
  })
}

export interface WatchOptions {
  /** Whether the broker accepted TCP connections when the watch begins; undefined: the first check finds out. */
  readonly accepted: boolean | undefined
  readonly signal: AbortSignal
  /** Uniform in [0, 1): when the first check comes, so that many edges do not check in the same moment. */
  readonly random: () => number
  /** The addresses and routes of this machine; default: `networkState`. */
  readonly state?: () => string
}

/**
 * Resolves when a connection has become likely: the broker did not accept TCP connections and now does, or the addresses
 * or routes of this machine have changed. Resolves with undefined when the signal fires. Never rejects.
 */
export async function untilBack(
  url: string,
  { accepted: acceptedBefore, signal, random, state = networkState }: WatchOptions,
): Promise<'broker' | 'network' | undefined> {
  const before = state()
  const beganAt = performance.now()
  let accepts = acceptedBefore
  await pause(random() * CHECK_MS, signal)
  while (!signal.aborted) {
    const startedAt = performance.now()
    if (state() !== before) return 'network'
    // A broker that accepts TCP connections and refuses the client is not asked again: it would log every check.
    if (accepts !== true) {
      const accepted = await acceptsTcp(url, signal)
      if (signal.aborted) return undefined
      if (accepted && accepts === false) return 'broker'
      accepts = accepted
    }
    const everyMs = startedAt - beganAt < LATER_AFTER_MS ? CHECK_MS : CHECK_LATER_MS
    await pause(Math.max(0, startedAt + everyMs - performance.now()), signal)
  }
  return undefined
}
