import { execFileSync } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { tempFolder } from './folder.ts'
import { peers } from './peers.ts'
import { freePort } from './port.ts'
import { type RunningProcess, startProcess } from './process.ts'
import { onStop } from './started.ts'
import { until } from './wait.ts'

/** PostgreSQL refuses to run as root; in that case it runs as this unprivileged user. */
const UNPRIVILEGED_ID = 65_534
const AS_UNPRIVILEGED = ['setpriv', `--reuid=${UNPRIVILEGED_ID}`, `--regid=${UNPRIVILEGED_ID}`, '--clear-groups']

/** Only a role with this name needs a password. It does not exist until a test creates it. */
export const ROLE_WITH_PASSWORD = 'with_password'

export interface PostgresOptions {
  /** True: durable, as by default. Default: fast, and nothing is synced to the disk. */
  readonly durable?: boolean
  /** More settings of the server, `name=value`. */
  readonly settings?: readonly string[]
}

/** A real PostgreSQL with an empty database on the loopback interface, stopped after the test file at the latest. */
export class Postgres {
  readonly port: number
  readonly #folder: string
  readonly #options: PostgresOptions
  #process: RunningProcess
  #client: Promise<pg.Client> | undefined

  private constructor(port: number, folder: string, options: PostgresOptions) {
    this.port = port
    this.#folder = folder
    this.#options = options
    this.#process = this.#spawn()
  }

  /** @throws Error when PostgreSQL is not installed (see `describePeer`) or does not answer by the deadline. */
  static async start(options: PostgresOptions = {}): Promise<Postgres> {
    const folder = tempFolder()
    if (process.getuid?.() === 0) chownSync(folder, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    const [command, ...args] = asOther(program('initdb'))
    const more = ['--no-sync', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-D', join(folder, 'data')]
    execFileSync(command!, [...args, ...more], { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder })
    const access = join(folder, 'data/pg_hba.conf')
    writeFileSync(access, `host all ${ROLE_WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\n${readFileSync(access, 'utf8')}`)
    const postgres = new Postgres(await freePort(), folder, options)
    await postgres.#ready()
    return postgres
  }

  #spawn(): RunningProcess {
    const { durable = false, settings = [] } = this.#options
    const quick = durable ? [] : ['fsync=off', 'synchronous_commit=on', 'full_page_writes=off']
    const all = [
      'listen_addresses=127.0.0.1',
      `port=${this.port}`,
      `unix_socket_directories=${this.#folder}`,
      ...quick,
      ...settings,
    ]
    const [command, ...args] = asOther(program('postgres'))
    const options = all.flatMap((setting) => ['-c', setting])
    const running = startProcess(command!, [...args, '-D', join(this.#folder, 'data'), ...options], {
      cwd: this.#folder,
    })
    onStop(() => this.stop()) // before SIGTERM, after which PostgreSQL waits until all clients have disconnected
    return running
  }

  async #ready(): Promise<void> {
    await until(
      async () => {
        if (this.#process.ended) throw new Error(`PostgreSQL ended: ${this.#process.stderr}`)
        return this.query('SELECT 1').catch(() => undefined)
      },
      { what: 'PostgreSQL answers' },
    )
  }

  /** Folder of its Unix socket. */
  get socketFolder(): string {
    return this.#folder
  }

  get url(): string {
    return this.urlOf('postgres')
  }

  urlOf(role: string, database = 'postgres'): string {
    return `postgres://${role}@127.0.0.1:${this.port}/${database}`
  }

  /** A connection that is closed after the test file; for a transaction that a test keeps open. */
  async connect(): Promise<pg.Client> {
    const client = await connect(this.url)
    onStop(() => client.end())
    return client
  }

  /** Runs SQL without a sink. */
  async query<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    this.#client ??= connect(this.url)
    try {
      return (await (await this.#client).query<Row>(sql, [...values])).rows
    } catch (failure) {
      const client = await this.#client.catch(() => undefined)
      this.#client = undefined
      await client?.end()
      throw failure
    }
  }

  /** Stops it with all its connections, normally. */
  async stop(): Promise<void> {
    await this.#end('SIGINT')
  }

  /** Ends it as a crash does: no checkpoint, and every process has ended when this resolves. */
  async crash(): Promise<void> {
    await this.#end('SIGQUIT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.ended) return
    this.#process.kill(signal)
    await this.#process.exit
  }

  /** Starts it again on the same port with the same data; stops it first if it still runs. */
  async restart(): Promise<void> {
    await this.stop()
    this.#process = this.#spawn()
    await this.#ready()
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // the next query reports it
  await client.connect()
  return client
}

function asOther(command: string): string[] {
  return process.getuid?.() === 0 ? [...AS_UNPRIVILEGED, command] : [command]
}

function program(name: string): string {
  if (peers.postgres === undefined) throw new Error('PostgreSQL is not installed')
  return join(dirname(peers.postgres), name)
}

export function startPostgres(options?: PostgresOptions): Promise<Postgres> {
  return Postgres.start(options)
}
