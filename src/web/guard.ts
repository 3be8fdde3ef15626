import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { oneLine } from '../base/text/one-line.ts'
import { namesThisServer } from './hosts.ts'

/** Answers that one connection may wait for at once: HTTP lets a client send its next requests before the answers. */
const PIPELINED_MAX = 16
const HOST_CHARS_MAX = 100
/** A client that reads nothing of its answer for this time (ms) is disconnected before `answerTimeoutMs`. */
const STALLED_MS_MAX = 30_000
/** `Retry-After` of an answer with 503 (s). */
export const RETRY_AFTER_S = 1

export interface WebLimits {
  /** Connections at once; half of them from one address. */
  readonly connectionsMax: number
  /** Time for a client to send its request (ms). */
  readonly requestTimeoutMs: number
  /** Time from a request until its answer has left (ms). */
  readonly answerTimeoutMs: number
  /** Bytes of all answers that have not left yet. */
  readonly answerBytesMax: number
  /** Host names of this server, in addition to those of `namesThisServer`. */
  readonly hosts: readonly string[]
}

export interface WebStats {
  readonly connections: number
  /** Bytes of answers that have not left yet. */
  readonly answerBytes: number
  /** Connections closed at once because `connectionsMax` were open, or half of them from the same address. */
  readonly refused: number
  /** Connections closed because the client did not read its answer in time, or asked too much at once. */
  readonly cut: number
  /** Requests with a host name that is not one of this server. */
  readonly foreignHosts: number
  /** Answers replaced by 503 because `answerBytesMax` was reached. */
  readonly busy: number
}

/** What one connection has open. Node.js does not close answers that wait behind another one when their socket closes. */
interface Connection {
  readonly late: Set<NodeJS.Timeout>
  answerBytes: number
}

/** Bounds what clients of the HTTP server take of this process, whatever they send or do not read. */
export class WebGuard {
  readonly #limits: WebLimits
  readonly #sockets = new Map<Socket, Connection>()
  readonly #byAddress = new Map<string, number>()
  #answerBytes = 0
  #refused = 0
  #cut = 0
  #foreignHosts = 0
  #busy = 0

  constructor(server: FastifyInstance, limits: WebLimits) {
    this.#limits = limits
    server.server.on('connection', (socket: Socket) => this.#accept(socket))
    server.addHook('onRequest', async (request, reply) => this.#request(request, reply))
    server.addHook('onSend', async ({ raw }, reply, payload) => this.#answer(raw.socket, { reply, payload }))
  }

  stats(): WebStats {
    return {
      connections: this.#sockets.size,
      answerBytes: this.#answerBytes,
      refused: this.#refused,
      cut: this.#cut,
      foreignHosts: this.#foreignHosts,
      busy: this.#busy,
    }
  }

  #accept(socket: Socket): void {
    const { connectionsMax } = this.#limits
    const address = socket.remoteAddress ?? ''
    const count = this.#byAddress.get(address) ?? 0
    if (this.#sockets.size >= connectionsMax || count >= Math.ceil(connectionsMax / 2)) {
      this.#refused++
      socket.destroy()
      return
    }
    const connection: Connection = { late: new Set(), answerBytes: 0 }
    this.#sockets.set(socket, connection)
    this.#byAddress.set(address, count + 1)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#answerBytes -= connection.answerBytes
      for (const timer of connection.late) clearTimeout(timer)
      const left = this.#byAddress.get(address)! - 1
      if (left === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, left)
    })
  }

  #request({ raw, headers }: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    const { socket } = raw
    const connection = this.#sockets.get(socket)
    // Requests that were in the same packet as the one for which the connection was closed.
    if (socket.destroyed || connection === undefined) return reply.hijack()
    if (connection.late.size >= PIPELINED_MAX) {
      this.#close(socket)
      return reply.hijack()
    }
    const timer = setTimeout(() => this.#close(socket), this.#limits.answerTimeoutMs)
    connection.late.add(timer)
    reply.raw.once('close', () => {
      clearTimeout(timer)
      connection.late.delete(timer)
    })
    if (namesThisServer(headers.host, this.#limits.hosts)) return undefined
    this.#foreignHosts++
    return reply.code(421).send({
      error: `"${oneLine(headers.host ?? '', HOST_CHARS_MAX)}" is not a name of this server`,
      remedy: 'use its IP address or localhost, or add the name to `web.hosts` in the settings of the edge',
    })
  }

  #close(socket: Socket): void {
    this.#cut++
    socket.destroy()
  }

  /** Counts the bytes of an answer until it has left; replaces it when there are too many. */
  #answer(socket: Socket, { reply, payload }: { reply: FastifyReply; payload: unknown }): unknown {
    const connection = this.#sockets.get(socket)
    if (connection === undefined) return payload // closed meanwhile
    const bytes = typeof payload === 'string' || payload instanceof Uint8Array ? Buffer.byteLength(payload) : 0
    // An answer may be larger than the limit if it is the only one.
    if (this.#answerBytes > 0 && this.#answerBytes + bytes > this.#limits.answerBytesMax) {
      this.#busy++
      const error = `clients have not read ${this.#limits.answerBytesMax} bytes of answers yet`
      const text = JSON.stringify({ error, remedy: 'ask again in a moment' })
      reply.code(503).header('retry-after', RETRY_AFTER_S).type('application/json; charset=utf-8')
      reply.header('content-length', Buffer.byteLength(text))
      return text
    }
    this.#answerBytes += bytes
    connection.answerBytes += bytes
    reply.raw.setTimeout(STALLED_MS_MAX, () => this.#close(socket))
    reply.raw.once('close', () => {
      if (!this.#sockets.has(socket)) return
      this.#answerBytes -= bytes
      connection.answerBytes -= bytes
    })
    return payload
  }
}
