import type { PoolClient } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

/** An answer this much later than the server's own timeout will not come: the connection is given up (milliseconds). */
const GRACE_MS = 2_000

type Rows = readonly (readonly unknown[])[]

/** A connection while one caller has it exclusively. Every step is bounded in time, by the server and by the client. */
export class Connection {
  readonly #client: PoolClient
  readonly #timeoutMs: number

  constructor(client: PoolClient, timeoutMs: number) {
    this.#client = client
    this.#timeoutMs = timeoutMs
  }

  /**
   * Begins a transaction, and runs the statements of `prelude` in the same round trip, each with a snapshot of its
   * own. The settings of the role and the database do not matter: a commit is synced, numbers have all their digits,
   * and a receiver that disappears does not hold its locks for long.
   * @returns the rows of each statement of the prelude
   */
  async begin(prelude: readonly string[] = []): Promise<readonly Rows[]> {
    const preparation = [
      'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
      `SET LOCAL statement_timeout = ${this.#timeoutMs}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${this.#timeoutMs}`,
      'SET LOCAL extra_float_digits = 1',
      `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`,
    ]
    return (await this.#script([...preparation, ...prelude])).slice(preparation.length)
  }

  /** Runs statements without parameters in one round trip, and returns the rows of each. */
  async #script(statements: readonly string[]): Promise<Rows[]> {
    const answer: unknown = await this.#step(this.#client.query({ text: statements.join(';\n'), rowMode: 'array' }))
    return (Array.isArray(answer) ? answer : [answer]).map(({ rows }: { rows: Rows }) => rows)
  }

  /** Runs statements without parameters. */
  async run(...statements: readonly string[]): Promise<void> {
    await this.#script(statements)
  }

  /** Runs one statement, and returns its rows as arrays of columns. */
  async rows<Row extends readonly unknown[]>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const query = { text: sql, values: [...values], rowMode: 'array' as const }
    return (await this.#step(this.#client.query(query))).rows as unknown as Row[]
  }

  /** COPY … FROM STDIN with all its data. */
  async copy(sql: string, data: Uint8Array): Promise<void> {
    const stream = this.#client.query(copyFrom(sql))
    const done = new Promise<void>((resolve, reject) => stream.once('finish', resolve).once('error', reject))
    stream.end(data)
    await this.#step(done)
  }

  /** Commits, after the statements of `last` in the same round trip. */
  async commit(last: readonly string[] = []): Promise<void> {
    await this.#script([...last, 'COMMIT'])
  }

  /** Runs `work` in a transaction of its own. Afterwards the connection is as before, also if the work has failed. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.begin()
    try {
      const result = await work()
      await this.commit()
      return result
    } catch (failure) {
      await this.#script(['ROLLBACK']).catch(() => undefined) // the next step reports a lost connection
      throw failure
    }
  }

  async #step<T>(answer: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const waitMs = this.#timeoutMs + GRACE_MS
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not answer within ${waitMs} ms`)), waitMs)
    try {
      return await Promise.race([answer, late])
    } finally {
      clearTimeout(timer)
      answer.catch(() => undefined)
    }
  }
}
