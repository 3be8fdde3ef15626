import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { stringify } from 'yaml'
import { pause } from '../src/base/clock.ts'
import type { EdgeStatus } from '../src/edge/status.ts'
import { openReader } from '../src/store/reader.ts'
import { tempFolder } from './folder.ts'
import { freePort, untilAccepts } from './port.ts'
import { type RunningProcess, startTidegate } from './process.ts'
import { until } from './wait.ts'

type SiteSettings = {
  readonly data?: string
  readonly broker?: object
  readonly web?: object
  readonly [key: string]: unknown
}

/** A Tidegate process that is killed and started again with the same settings file and folder. */
class Service {
  readonly folder: string
  readonly settingsFile: string
  readonly #command: 'run' | 'receive'
  #process: RunningProcess | undefined

  /** @param settings `data` names the data folder; by default a new one is made. */
  constructor(command: 'run' | 'receive', settings: SiteSettings) {
    this.#command = command
    const folder = tempFolder()
    this.folder = settings.data ?? join(folder, 'data')
    this.settingsFile = join(folder, 'settings.yaml')
    writeFileSync(this.settingsFile, stringify({ ...settings, data: this.folder }))
  }

  get process(): RunningProcess {
    if (this.#process === undefined) throw new Error(`${this.#command} was not started`)
    return this.#process
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#process = startTidegate([this.#command, '-s', this.settingsFile], { env })
    await this.#process.waitFor(/ready|started/)
  }

  /** Power loss for this process: sends SIGKILL, and waits until the process has ended. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.process.exit
  }

  /** Stops it as a service manager does. @returns the exit code. */
  async stop(): Promise<number> {
    this.process.kill('SIGTERM')
    return this.process.exit
  }
}

/** Fast retries, so that tests need not wait for the pauses of real outages. */
export const QUICK_UPLINK = { backoffMinMs: 50, backoffMaxMs: 500, confirmTimeoutMs: 2_000, lingerMs: 50 }

/** Pause between two polls of a database (ms), because polls slow down the process under test. */
const POLL_MS = 50

async function untilStoreHolds(holds: () => boolean, options: { deadlineMs: number; what: string }): Promise<void> {
  await until(async () => {
    const answer = holds()
    if (!answer) await pause(POLL_MS)
    return answer
  }, options)
}

/** A real edge process on a port of its own that stays the same over restarts. */
export class SiteEdge extends Service {
  readonly port: number
  readonly webPort: number

  private constructor(port: number, webPort: number, settings: SiteSettings) {
    const address = { tcp: { host: '127.0.0.1', port } }
    const broker = { ...address, ...settings.broker }
    const web = { port: webPort, ...settings.web }
    super('run', { edge: 'site', log: { level: 'warn' }, ...settings, broker, web })
    this.port = port
    this.webPort = webPort
  }

  /** @param settings added to those of the test; build uplinks with `QUICK_UPLINK`. */
  static async create(settings: SiteSettings = {}): Promise<SiteEdge> {
    return new SiteEdge(await freePort(), await freePort(), settings)
  }

  override async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await super.start(env)
    await untilAccepts(this.port)
  }

  /** Reads the database while the edge runs. */
  read<T>(ask: (reader: ReturnType<typeof openReader>) => T): T {
    const reader = openReader(this.folder)
    try {
      return ask(reader)
    } finally {
      reader.close()
    }
  }

  /** The number of readings in the log. */
  stored(): number {
    return this.read((reader) => reader.summary().lastSeq)
  }

  /** Waits until at least `count` readings are in the log. */
  async untilStored(count: number, deadlineMs = 30_000): Promise<void> {
    await untilStoreHolds(() => this.stored() >= count, { deadlineMs, what: `${count} readings are stored` })
  }

  waiting(): number {
    return this.read((reader) => reader.summary().backlogs[0]?.waiting ?? 0)
  }

  /** All problems of all accounts; empty when the ledger balances. */
  ledgerProblems(): string[] {
    return this.read((reader) => reader.ledger().flatMap(({ problems }) => problems))
  }

  async status(): Promise<EdgeStatus> {
    const answer = await fetch(`http://127.0.0.1:${this.webPort}/api/status`)
    return (await answer.json()) as EdgeStatus
  }

  /** Waits until the receiver has confirmed everything. */
  async untilDrained(deadlineMs = 30_000): Promise<void> {
    await untilStoreHolds(() => this.waiting() === 0, { deadlineMs, what: 'everything is confirmed' })
  }
}

export interface ReceivedReading {
  readonly edge: string
  readonly epoch: string
  readonly seq: number
  readonly device: string
  readonly metric: string
  readonly ts: number
  readonly value: number | string | Buffer | null
  readonly quality: number
  readonly reasons: number
}

/** A real receiver process. */
export class SiteReceiver extends Service {
  constructor(cloudUrl: string, settings: SiteSettings = {}) {
    super('receive', {
      cloud: { url: cloudUrl, backoffMinMs: 50, backoffMaxMs: 500 },
      log: { level: 'warn' },
      ...settings,
    })
  }

  query<T>(sql: string): T[] {
    const database = new SQLite(join(this.folder, 'received.db'), { readonly: true, timeout: 2_000 })
    try {
      return database.prepare(sql).all() as T[]
    } finally {
      database.close()
    }
  }

  readings(): ReceivedReading[] {
    return this.query('SELECT edge, epoch, seq, device, metric, ts, value, quality, reasons FROM readings ORDER BY seq')
  }

  count(): number {
    return this.query<{ n: number }>('SELECT count(*) AS n FROM readings')[0]!.n
  }

  /** Waits until at least `count` readings are stored; the test checks that there are no more. */
  async untilCount(count: number, deadlineMs = 30_000): Promise<void> {
    await untilStoreHolds(() => this.count() >= count, { deadlineMs, what: `${count} readings are received` })
  }
}
