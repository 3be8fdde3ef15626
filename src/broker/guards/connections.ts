import type { Socket } from 'node:net'

/** The share of `connectionsMax` that one address may take if there is no setting; the rest is for others. */
const ADDRESS_SHARE = 0.9

/** The open connections, bounded in all and for each address. */
export class Connections {
  readonly #max: number
  readonly #perAddressMax: number
  readonly #open = new Set<Socket>()
  readonly #addresses = new Map<string, number>()

  constructor(limits: { connectionsMax: number; connectionsPerAddressMax?: number | undefined }) {
    this.#max = limits.connectionsMax
    this.#perAddressMax = limits.connectionsPerAddressMax ?? Math.ceil(limits.connectionsMax * ADDRESS_SHARE)
  }

  get size(): number {
    return this.#open.size
  }

  /** Takes a new connection until it is closed. @returns the limit that it would exceed; undefined: none */
  admit(socket: Socket): 'connections' | 'connectionsPerAddress' | undefined {
    if (this.#open.size >= this.#max) return 'connections'
    const network = networkOf(socket.remoteAddress ?? '')
    const count = this.#addresses.get(network) ?? 0
    if (count >= this.#perAddressMax) return 'connectionsPerAddress'
    this.#addresses.set(network, count + 1)
    this.#open.add(socket)
    socket.once('close', () => this.#closed(socket, network))
    return undefined
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy()
  }

  #closed(socket: Socket, network: string): void {
    this.#open.delete(socket)
    const left = this.#addresses.get(network)! - 1
    if (left === 0) this.#addresses.delete(network)
    else this.#addresses.set(network, left)
  }
}

/** An IPv4 address as it is; of an IPv6 address the first 64 bits: one host can use all addresses of that network. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length)
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail ? tail.split(':') : []
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0')
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`
}
