import { isIP } from 'node:net'
import { hostname } from 'node:os'

/**
 * Whether a `Host` header names this server: an IP address, `localhost`, the name of the machine, the name it listens
 * on, or one of `names`. A page of another site can make a browser connect here under a name of its own, which it lets
 * point to this address (DNS rebinding), and then read the answers. It cannot do that with an IP address.
 */
export function namesThisServer(header: string | undefined, names: readonly string[]): boolean {
  if (header === undefined) return true // HTTP/1.0: no browser
  const host = hostOf(header)
  if (isIP(host) !== 0) return true
  return ['localhost', hostname(), ...names].some((name) => name.toLowerCase() === host)
}

/** The host without port, brackets and the dot at the end of a full name; in lower case. */
function hostOf(header: string): string {
  const host = /^\[([^\]]*)\](?::\d*)?$/.exec(header)?.[1] ?? header.replace(/:\d*$/, '').replace(/\.$/, '')
  return host.toLowerCase()
}
