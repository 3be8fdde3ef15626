import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { addHistoryRoutes } from './history-routes.ts'
import type { HistorySource } from './history-source.ts'

/** The content of `/api/status`; `healthy` decides the status code of `/healthz`. */
export interface StatusSource {
  status(): Promise<{ readonly healthy: boolean; readonly problems: readonly string[] } & Record<string, unknown>>
}

/** Sources of everything that the server answers. */
export interface WebSources extends StatusSource {
  readonly history: HistorySource
  readonly clock: Clock
}

/**
 * Serves the state of the edge and stored readings (`addHistoryRoutes`) over HTTP. It has no access control of its own.
 *
 * - `GET /healthz`: 200 `{"healthy":true,"problems":[]}`, or 503 with the problems.
 * - `GET /api/status`: state of the edge and of all its parts, as JSON.
 */
export class StatusServer implements Part {
  readonly name = 'status server'
  readonly #server: FastifyInstance

  private constructor(source: WebSources) {
    this.#server = fastify({ logger: false, forceCloseConnections: true })
    this.#server.get('/healthz', async (_request, reply) => {
      const { healthy, problems } = await source.status()
      return reply.code(healthy ? 200 : 503).send({ healthy, problems })
    })
    this.#server.get('/api/status', async () => source.status())
    addHistoryRoutes(this.#server, source.history, source.clock)
  }

  /** @throws OperatorError when the port is taken. */
  static async start(address: { host: string; port: number }, source: WebSources): Promise<StatusServer> {
    const server = new StatusServer(source)
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

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.server.address() as AddressInfo
    return { host: address, port }
  }

  async stop(): Promise<void> {
    await this.#server.close()
  }
}
