import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onStop } from './started.ts'

/** Faults of the connections; every field can be changed while connections are open. */
export interface Trouble {
  /** Each chunk is delayed by this time, in order. */
  latencyMs: number
  /** Share of chunks, 0 to 100, at which the connection is cut instead of passing them on. */
  dropPercent: number
  /** Bytes of both directions are lost and no end is reported; a connection that was frozen stays frozen forever. */
  freeze: boolean
  /** New connections are closed at once. */
  refuse: boolean
}

/** A TCP proxy between a client and a real server, with a dial for faults and a count of the bytes. */
export class TcpProxy {
  readonly dial: Trouble = { latencyMs: 0, dropPercent: 0, freeze: false, refuse: false }
  /** Bytes from clients to the server, as they were read from the client. */
  bytesUp = 0
  /** Bytes from the server to clients. */
  bytesDown = 0
  /** Connections that clients have opened so far, including refused ones. */
  opened = 0
  readonly #pairs = new Set<Pair>()
  readonly #server: Server

  private constructor(to: { port: number; host: string }) {
    this.#server = createServer({ noDelay: true }, (client) => {
      this.opened++
      if (this.dial.refuse) {
        client.destroy()
        return
      }
      const pair = new Pair(this, client, connect({ ...to, noDelay: true }), () => this.#pairs.delete(pair))
      this.#pairs.add(pair)
    })
  }

  static async start(options: { to: number; host?: string; port?: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy({ port: options.to, host: options.host ?? '127.0.0.1' })
    proxy.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    onStop(() => proxy.stop())
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size
  }

  /** Closes every open connection at once on both sides, without an MQTT DISCONNECT. */
  cut(): void {
    for (const pair of [...this.#pairs]) pair.end()
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }
}

class Pair {
  readonly #proxy: TcpProxy
  readonly #client: Socket
  readonly #server: Socket
  readonly #onEnd: () => void
  #frozen = false

  constructor(proxy: TcpProxy, client: Socket, server: Socket, onEnd: () => void) {
    this.#proxy = proxy
    this.#client = client
    this.#server = server
    this.#onEnd = onEnd
    this.#forward(client, server, (bytes) => {
      proxy.bytesUp += bytes
    })
    this.#forward(server, client, (bytes) => {
      proxy.bytesDown += bytes
    })
  }

  #forward(from: Socket, to: Socket, count: (bytes: number) => void): void {
    const { dial } = this.#proxy
    const waiting: Buffer[] = []
    const deliver = (): void => {
      const chunk = waiting.shift()!
      if (this.#isFrozen() || to.destroyed || to.write(chunk)) return
      from.pause()
      to.once('drain', () => from.resume())
    }
    from.on('data', (chunk: Buffer) => {
      count(chunk.length)
      if (this.#isFrozen()) return
      if (dial.dropPercent > 0 && Math.random() * 100 < dial.dropPercent) return this.end()
      waiting.push(chunk)
      // The queue keeps the order, whichever timer fires first after the dial was changed.
      if (dial.latencyMs > 0) setTimeout(deliver, dial.latencyMs).unref()
      else deliver()
    })
    from.on('error', () => {}) // 'close' follows
    // Bytes in flight arrive before the end does.
    from.on('close', () => {
      if (!this.#isFrozen()) setTimeout(() => to.destroySoon(), dial.latencyMs)
    })
    to.on('close', () => {
      if (from.destroyed) this.#onEnd()
    })
  }

  #isFrozen(): boolean {
    this.#frozen ||= this.#proxy.dial.freeze
    return this.#frozen
  }

  end(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.#onEnd()
  }
}

export function startProxy(options: { to: number; host?: string; port?: number }): Promise<TcpProxy> {
  return TcpProxy.start(options)
}
