import pg from 'pg'
import { withPostgresPassword } from '../../base/text/postgres-url.ts'
import { Connection } from './connection.ts'

/** PostgreSQL's type bigint. Every integer that a receiver stores is a safe integer. */
const BIGINT = 20
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === BIGINT ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

/** Silence after which TCP checks the connection (milliseconds). */
const KEEPALIVE_MS = 10_000
/** A connection that is unused for this long is closed; on a new one everything is read again (milliseconds). */
const IDLE_MS = 300_000

export interface SessionOptions {
  readonly url: string
  /** Overrides the password of the URL. */
  readonly password?: string | undefined
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  /**
   * Called when a connection is new, before anything is done on it: it may lead to another server than the one
   * before, or to an older state of the same server.
   */
  readonly onNew: () => void
}

/** Connections to one database, made when they are needed. */
export class Sessions {
  readonly #pool: pg.Pool
  readonly #statementTimeoutMs: number

  constructor(options: SessionOptions) {
    this.#statementTimeoutMs = options.statementTimeoutMs
    this.#pool = new pg.Pool({
      connectionString:
        options.password === undefined ? options.url : withPostgresPassword(options.url, options.password),
      max: options.connections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_MS,
      idleTimeoutMillis: IDLE_MS,
      types: TYPES,
      application_name: 'tidegate-receiver',
    })
    // A connection that breaks while it is idle leaves the pool by itself.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', () => options.onNew())
  }

  /**
   * Runs `work` on a connection.
   * @throws whatever failed; the connection and its uncommitted changes are then discarded. A commit that failed may
   * be durable all the same.
   */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    // An error that breaks the connection also fails the query that waits for its answer.
    const ignore = (): void => undefined
    client.on('error', ignore)
    try {
      const result = await work(new Connection(client, this.#statementTimeoutMs))
      client.off('error', ignore)
      client.release()
      return result
    } catch (failure) {
      client.release(true)
      throw failure
    }
  }

  close(): Promise<void> {
    return this.#pool.end()
  }
}
