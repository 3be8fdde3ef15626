import pg from 'pg'
import { Transaction } from './transaction.ts'

/** PostgreSQL's type bigint. Every whole number that a receiver keeps is a safe integer. */
const BIGINT = 20
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === BIGINT ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

export interface SessionOptions {
  readonly url: string
  /** Stands over that of the URL. */
  readonly password?: string | undefined
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Called when a connection has been lost: the server may be another one, or an older state of itself, afterwards. */
  readonly onLost: () => void
}

/** Connections to one database, made when they are needed. */
export class Sessions {
  readonly #pool: pg.Pool
  readonly #options: SessionOptions

  constructor(options: SessionOptions) {
    this.#options = options
    this.#pool = new pg.Pool({
      connectionString: withPassword(options.url, options.password),
      max: options.connections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      types: TYPES,
      application_name: 'tidegate-receiver',
    })
    // A connection that breaks while nobody uses it leaves the pool by itself.
    this.#pool.on('error', () => options.onLost())
  }

  /**
   * Runs `work` in a transaction that it must begin; it is not committed unless `work` does so.
   * @throws what failed; the connection is given up then, and the transaction with it. Where it was the commit that
   * failed, the transaction may be durable all the same.
   */
  async use<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    // What breaks the connection also fails the query that waits for its answer.
    const ignore = (): void => undefined
    client.on('error', ignore)
    try {
      const result = await work(new Transaction(client, this.#options.statementTimeoutMs))
      client.off('error', ignore)
      client.release()
      return result
    } catch (failure) {
      client.release(true)
      this.#options.onLost()
      throw failure
    }
  }

  /** Runs `work` between a begin and a commit of its own. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.use(async (transaction) => {
      await transaction.begin()
      const result = await work(transaction)
      await transaction.commit()
      return result
    })
  }

  close(): Promise<void> {
    return this.#pool.end()
  }
}

/** As a parameter of the URL, where a password also fits an address that names no host (a socket's folder). */
function withPassword(url: string, password: string | undefined): string {
  if (password === undefined) return url
  const complete = new URL(url)
  complete.searchParams.set('password', password)
  return complete.href
}
