import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { printableJson } from '../base/text/one-line.ts'
import { WebGuard, type WebLimits, type WebStats } from './guard.ts'
import { addHistoryRoutes } from './history-routes.ts'
import type { HistorySource } from './history-source.ts'
import { withIsoTimes } from './iso-times.ts'

/** A connection without a request is closed after this time (ms). */
const KEEP_ALIVE_MS = 5_000
/** How often Node.js checks which requests are late (ms). */
const CHECK_EVERY_MS = 1_000
const REQUESTS_PER_CONNECTION_MAX = 1_000
/** Every request is a GET without a body. */
const BODY_BYTES_MAX = 1_024

/** The content of `/api/status`; `healthy` decides the status code of `/healthz`. */
export interface StatusSource {
  status(): Promise<{ readonly healthy: boolean; readonly problems: readonly string[] } & Record<string, unknown>>
}

/** Sources of everything that the server answers. */
export interface WebSources extends StatusSource {
  readonly history: HistorySource
  readonly clock: Clock
}

export interface WebAddress extends WebLimits {
  readonly host: string
  readonly port: number
}

/**
 * Serves the state of the edge and stored readings (`addHistoryRoutes`) over HTTP. It has no access control of its own.
 *
 * - `GET /livez`: 200 `{"alive":true}` while the edge and its store answer, whatever their health.
 * - `GET /healthz`: 200 `{"healthy":true,"problems":[]}`, or 503 with the problems.
 * - `GET /api/status`: state of the edge and of all its parts, as JSON with times in ISO 8601.
 */
export class StatusServer implements Part {
  readonly name = 'status server'
  readonly #server: FastifyInstance
  readonly #guard: WebGuard
  readonly #texts = new WeakMap<object, string>()

  private constructor({ host, hosts, ...limits }: WebAddress, source: WebSources) {
    const { requestTimeoutMs } = limits
    this.#server = fastify({
      logger: false,
      forceCloseConnections: true,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxRequestsPerSocket: REQUESTS_PER_CONNECTION_MAX,
      bodyLimit: BODY_BYTES_MAX,
      http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: CHECK_EVERY_MS },
    })
    this.#server.setReplySerializer((payload) => printableJson(payload))
    this.#server.setNotFoundHandler((_request, reply) => {
      return reply
        .code(404)
        .send({ error: 'there is no such page', remedy: 'ask /api/status, /healthz, /livez or /api/devices' })
    })
    this.#server.setErrorHandler((failure, _request, reply) => {
      const { statusCode } = failure as { statusCode?: number }
      return reply.code(statusCode ?? 500).send({ error: messageOf(failure) })
    })
    this.#guard = new WebGuard(this.#server, { ...limits, hosts: [host, ...hosts] })
    this.#server.get('/livez', async () => {
      await source.status()
      return { alive: true }
    })
    this.#server.get('/healthz', async (_request, reply) => {
      const { healthy, problems } = await source.status()
      return reply.code(healthy ? 200 : 503).send({ healthy, problems })
    })
    this.#server.get('/api/status', async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(this.#textOf(await source.status())),
    )
    addHistoryRoutes(this.#server, source.history, source.clock)
  }

  /** @throws OperatorError when the port is taken. */
  static async start(address: WebAddress, source: WebSources): Promise<StatusServer> {
    const server = new StatusServer(address, source)
    try {
      await server.#server.listen({ host: address.host, port: address.port })
      return server
    } catch (cause) {
      await server.stop()
      const inUse = codeOf(cause) === 'EADDRINUSE'
      throw new OperatorError(
        `cannot serve the status on ${address.host}:${address.port}: ${inUse ? 'the port is in use' : messageOf(cause)}`,
        { remedy: 'set web.port to a free one, or web.enabled to false', exitCode: Exit.UNAVAILABLE, cause },
      )
    }
  }

  /** An answer that several requests get is written once. */
  #textOf(status: object): string {
    let text = this.#texts.get(status)
    if (text === undefined) {
      text = printableJson(withIsoTimes(status))
      this.#texts.set(status, text)
    }
    return text
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.server.address() as AddressInfo
    return { host: address, port }
  }

  stats(): WebStats {
    return this.#guard.stats()
  }

  async stop(): Promise<void> {
    await this.#server.close()
  }
}
