import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { findFirst } from '../../support/find.ts'
import { tempFolder } from '../../support/folder.ts'
import { type RunningProcess, startProcess } from '../../support/process.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'

export interface BadLinkOptions {
  /** Port of the server on the loopback interface. */
  readonly to: number
  /** Delay in each direction (ms). */
  readonly delayMs: number
  readonly lossPercent: number
  readonly seed: number
}

export interface BadLink {
  readonly url: string
  /** Ends it. @returns a description of the losses, for people. */
  stop(): Promise<string>
}

/** Delays and loses IP packets where this is allowed (root on Linux, with Python); otherwise delays and cuts TCP connections. */
export async function startBadLink(options: BadLinkOptions): Promise<BadLink> {
  const python = findFirst('python3')
  if (python !== undefined && process.getuid?.() === 0) {
    try {
      return await PacketLink.start(python, options)
    } catch (failure) {
      process.stderr.write(`no network namespace, using a proxy instead: ${String(failure).split('\n')[0]}\n`)
    }
  }
  return new StreamLink(await startProxy({ to: options.to }), options)
}

/** Real TCP over a tunnel that loses packets, with its retransmissions and shrinking windows. See bad_link.py. */
class PacketLink implements BadLink {
  readonly url: string
  readonly #process: RunningProcess

  private constructor(running: RunningProcess, address: string) {
    this.#process = running
    this.url = `mqtt://${address}`
  }

  static async start(python: string, { to, delayMs, lossPercent, seed }: BadLinkOptions): Promise<PacketLink> {
    // A Unix socket is reachable from within the namespace.
    const path = join(tempFolder(), 'far.sock')
    await relayTo(path, to)
    const script = join(import.meta.dirname, 'bad_link.py')
    const running = startProcess(python, [script, path, `${delayMs}`, `${lossPercent}`, `${seed}`])
    const [, address] = await running.waitFor(/ready (\S+)/)
    return new PacketLink(running, address!)
  }

  async stop(): Promise<string> {
    await this.#process.stop()
    const [, lost, packets] = /lost (\d+) of (\d+)/.exec(this.#process.stdout) ?? []
    return `${lost} of ${packets} packets lost`
  }
}

async function relayTo(path: string, port: number): Promise<void> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  server.listen(path)
  await once(server, 'listening')
  onStop(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
}

/** Delays bytes, and cuts the connection at a fraction of the packet losses. */
class StreamLink implements BadLink {
  readonly url: string
  readonly #proxy: TcpProxy

  constructor(proxy: TcpProxy, { delayMs, lossPercent }: BadLinkOptions) {
    this.#proxy = proxy
    this.url = proxy.url
    proxy.dial.latencyMs = delayMs
    proxy.dial.dropPercent = lossPercent / STREAM_LOSS_SHARE
  }

  async stop(): Promise<string> {
    await this.#proxy.stop()
    return `proxy: bytes delayed, ${this.#proxy.opened} connections`
  }
}

/** Most packet losses only delay TCP and do not end the connection. */
const STREAM_LOSS_SHARE = 10
