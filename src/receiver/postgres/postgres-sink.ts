import { pause } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { EDGE_LIMITS, type EdgeLimits } from '../edge-limits.ts'
import type { Delivery, Sink, StoreResult } from '../sink.ts'
import { Admission, logNameOf, type Storable } from './admission.ts'
import { PostgresConfigs } from './configs.ts'
import type { Connection } from './connection.ts'
import { PostgresFleet } from './fleet.ts'
import { Identities, keyOf } from './identities.ts'
import { lockLogs } from './known-logs.ts'
import { quoted } from './literals.ts'
import { Partitions } from './partitions.ts'
import { type Birth, migrate } from './schema.ts'
import { Sessions } from './sessions.ts'
import { hullsOf, type Named, Storing, type Tables } from './storing.ts'
import { placeOf, troubleAt } from './trouble.ts'
import { fitNames, unfitness } from './unfit.ts'

export interface PostgresSinkOptions extends Partial<EdgeLimits> {
  /** Overrides the password of the URL. */
  readonly password?: string | undefined
  readonly schema?: string
  readonly connections?: number
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /** Rejects kept; the oldest are dropped first. */
  readonly rejectsMax?: number
  /** Bytes kept of the payload of a reject; the rest is cut, and its full length is recorded. */
  readonly rejectPayloadBytesMax?: number
  /** Verdicts that may wait for their readings; amendments beyond it are refused. */
  readonly pendingMax?: number
  readonly log?: Log
}
const DEFAULTS = {
  ...EDGE_LIMITS,
  schema: 'tidegate',
  connections: 2,
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  rejectsMax: 1_000,
  rejectPayloadBytesMax: 262_144,
  pendingMax: 100_000,
  log: silentLog,
}

/** Pause between two attempts to find the database, until it was found once (milliseconds). */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000
/** Connections that have not ended this long after `close` are abandoned (milliseconds). */
const CLOSE_MS_MAX = 3_000

/**
 * Stores readings in PostgreSQL: see the view `readings` in its schema. Any number of receivers may share it,
 * whichever receiver gets a batch: the transaction that stores a batch reads, under a lock on the log, which readings
 * are stored already.
 */
export class PostgresSink implements Sink {
  readonly #url: string
  readonly #options: typeof DEFAULTS
  readonly #sessions: Sessions
  readonly #tables: Tables
  readonly #logs: Identities
  readonly #series: Identities
  readonly #admission: Admission
  readonly #partitions: Partitions
  readonly fleet: PostgresFleet
  readonly configs: PostgresConfigs
  readonly #closing = new AbortController()
  #birth: Birth | undefined
  #closed: Promise<void> | undefined

  private constructor(url: string, { password, ...given }: PostgresSinkOptions) {
    const options = { ...DEFAULTS, ...given }
    const schema = quoted(options.schema)
    this.#url = url
    this.#options = options
    this.#sessions = new Sessions({ ...options, url, password, onNew: () => this.#forget() })
    this.#tables = {
      logs: `${schema}.logs`,
      series: `${schema}.series`,
      reading: `${schema}.reading`,
      positions: `${schema}.positions`,
      pending: `${schema}.pending`,
      rejects: `${schema}.rejects`,
      migrations: `${schema}.migrations`,
    }
    this.#logs = new Identities(this.#tables.logs, ['edge', 'epoch'])
    this.#series = new Identities(this.#tables.series, ['device', 'metric', 'unit'])
    this.#admission = new Admission(
      options,
      { logs: this.#tables.logs, edgeSeries: `${schema}.edge_series` },
      { logs: this.#logs, series: this.#series },
    )
    this.#partitions = new Partitions(options.schema, options.log)
    this.fleet = new PostgresFleet(schema, (work) => this.#transaction(work))
    this.configs = new PostgresConfigs(schema, (work) => this.#transaction(work))
  }

  /**
   * Returns at once, whether the database can be reached or not. From then on the sink tries to reach it, and logs
   * why it cannot; until then, `store` fails.
   */
  static open(url: string, options: PostgresSinkOptions = {}): PostgresSink {
    const sink = new PostgresSink(url, options)
    void sink.#find()
    return sink
  }

  async #find(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#closing
    for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
      try {
        await this.#sessions.use(async (connection) => {
          await this.#ready(connection)
          const [fsync] = await connection.rows<[string]>('SHOW fsync')
          if (fsync![0] === 'off')
            log.error('PostgreSQL runs with fsync = off: confirmed readings can be lost at a power loss')
        })
        return log.info({ sink: placeOf(this.#url), schema: this.#options.schema }, 'the sink is ready')
      } catch (failure) {
        if (signal.aborted) return
        const trouble = troubleAt(this.#url, failure)
        log.error({ err: trouble, remedy: trouble.remedy }, 'the sink cannot be used; nothing is acknowledged')
        await pause(waitMs, signal)
      }
    }
  }

  /** Resolves when the schema has the newest version, with the time when its tables were created. */
  async #ready(connection: Connection): Promise<Birth> {
    this.#birth ??= await connection.transaction(() => migrate(connection, this.#options.schema))
    return this.#birth
  }

  /**
   * On a new connection or after a failure anything is possible: another server, a restored backup, an empty schema.
   */
  #forget(): void {
    this.#birth = undefined
    this.#logs.forget()
    this.#series.forget()
    this.#partitions.forget()
  }

  async store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> {
    try {
      return await this.#sessions.use(async (connection) => {
        const birth = await this.#ready(connection)
        const named = await this.#name(deliveries, receivedAt, connection)
        const known = await lockLogs(connection, this.#tables, named.flatMap(hullsOf), birth)
        const storing = new Storing(connection, { ...this.#options, tables: this.#tables, known, receivedAt })
        const results: StoreResult[] = []
        for (const one of named) results.push(await storing.store(one))
        await storing.commit()
        return results
      })
    } catch (failure) {
      this.#forget()
      throw troubleAt(this.#url, failure)
    }
  }

  /** Runs `work` in a transaction of its own. */
  async #transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await this.#sessions.use(async (connection) => {
        await this.#ready(connection)
        return connection.transaction(() => work(connection))
      })
    } catch (failure) {
      this.#forget()
      throw troubleAt(this.#url, failure)
    }
  }

  /** Finds the ids of everything that the deliveries name, and creates the partitions for their times. */
  async #name(deliveries: readonly Delivery[], receivedAt: number, connection: Connection): Promise<readonly Named[]> {
    const fit = await this.#admit(deliveries, connection)
    const blocks = fit.flatMap(({ delivery, refusal }) => {
      return delivery.kind === 'batch' && refusal === undefined ? delivery.batch.series : []
    })
    const logs = await this.#logs.of(
      fit.flatMap(({ delivery, refusal }) => {
        return refusal === undefined && isStorable(delivery) ? [logNameOf(delivery)] : []
      }),
      connection,
    )
    const series = await this.#series.of(blocks.map(fitNames), connection)
    await this.#partitions.prepare(
      blocks.map(({ ts }) => ts),
      receivedAt,
      connection,
    )
    return fit.map(({ delivery, refusal }): Named => {
      if (refusal !== undefined || delivery.kind === 'reject') return { delivery, refusal, log: 0, series: [] }
      const itsBlocks = delivery.kind === 'batch' ? delivery.batch.series : []
      const log = logs.get(keyOf(logNameOf(delivery)))!
      return { delivery, refusal, log, series: itsBlocks.map((block) => series.get(keyOf(fitNames(block)))!) }
    })
  }

  /** The deliveries, each with the reason why it can never be stored. */
  async #admit(
    deliveries: readonly Delivery[],
    connection: Connection,
  ): Promise<{ readonly delivery: Delivery; readonly refusal: string | undefined }[]> {
    const fit = deliveries.map((delivery) => ({ delivery, refusal: unfitness(delivery) }))
    const storable = fit.flatMap(({ delivery, refusal }) => {
      return refusal === undefined && isStorable(delivery) ? [delivery] : []
    })
    const refusals = await this.#admission.refusals(storable, connection)
    const refusalOf = new Map<Delivery, string | undefined>(storable.map((delivery, i) => [delivery, refusals[i]]))
    return fit.map(({ delivery, refusal }) => ({ delivery, refusal: refusal ?? refusalOf.get(delivery) }))
  }

  close(): Promise<void> {
    this.#closing.abort()
    this.#closed ??= Promise.race([this.#sessions.close(), pause(CLOSE_MS_MAX)])
    return this.#closed
  }
}

function isStorable(delivery: Delivery): delivery is Storable {
  return delivery.kind !== 'reject'
}
