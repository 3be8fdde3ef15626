import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import type { Part } from '../../base/lifecycle.ts'
import type { Log } from '../../base/log.ts'
import { siblingModule } from '../../base/sibling.ts'
import type { StoreSettings } from '../../settings/edge.ts'
import { listBackups } from './backup-folder.ts'
import type { BackupOrder, BackupResult } from './backup-thread.ts'

const HOUR_MS = 3_600_000
/** Delay before the next try after a failed backup (ms); shorter if the interval between backups is shorter. */
const RETRY_MS = 900_000
/** Longest single wait (ms), so that a changed clock or a suspended machine is noticed. */
const WAIT_MS_MAX = 600_000
const THREAD_HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }

export interface BackupStatus {
  readonly everyHours: number
  readonly folder: string
  readonly running: boolean
  /** UTC ms; undefined: there is none. */
  readonly lastAt: number | undefined
  readonly lastBytes: number | undefined
  /** Duration of the last one (ms). */
  readonly lastMs: number | undefined
  /** Why the last try failed; undefined: it did not fail. */
  readonly lastFailure: string | undefined
}

export interface BackupOptions {
  /** Folder of the store. */
  readonly folder: string
  readonly settings: Pick<StoreSettings, 'backup' | 'freeBytesMin'>
  /** The clock by which backups are due, and named: it does not jump. */
  readonly clock: Clock
  readonly log: Log
}

/**
 * Makes backups of the running store at a fixed interval, each on a thread of its own: neither commits nor sockets wait
 * for it. The first one is due when the newest backup in the folder is old enough, so that restarts cause no additional
 * backups.
 */
export class BackupSchedule implements Part {
  readonly name = 'backups'
  readonly #options: BackupOptions
  readonly #backups: string
  readonly #everyMs: number
  #dueAt: number
  #timer: NodeJS.Timeout | undefined
  #worker: Worker | undefined
  #last: Pick<BackupStatus, 'lastAt' | 'lastBytes' | 'lastMs' | 'lastFailure'> = {
    lastAt: undefined,
    lastBytes: undefined,
    lastMs: undefined,
    lastFailure: undefined,
  }

  /** @param options `settings.backup.everyHours` is above 0. */
  constructor(options: BackupOptions) {
    const { folder, settings, clock } = options
    this.#options = options
    this.#backups = resolve(folder, settings.backup.folder)
    this.#everyMs = settings.backup.everyHours * HOUR_MS
    const newest = listBackups(this.#backups, clock.now())[0]?.at
    this.#last = { ...this.#last, lastAt: newest }
    // A backup with a time in the future was made while the clock was wrong: its time is ignored.
    this.#dueAt = newest === undefined || newest > clock.now() ? clock.now() : newest + this.#everyMs
    this.#wait()
  }

  get status(): BackupStatus {
    const { everyHours } = this.#options.settings.backup
    return { everyHours, folder: this.#backups, running: this.#worker !== undefined, ...this.#last }
  }

  #wait(): void {
    this.#timer = setTimeout(
      () => {
        if (this.#leftMs === 0) this.#begin()
        else this.#wait()
      },
      Math.min(WAIT_MS_MAX, this.#leftMs),
    )
    this.#timer.unref()
  }

  /** Time until the next backup (ms). More than the interval means that the clock was set back: then it is due now. */
  get #leftMs(): number {
    const leftMs = this.#dueAt - this.#options.clock.now()
    return leftMs > this.#everyMs ? 0 : Math.max(0, leftMs)
  }

  #begin(): void {
    const { folder, settings, clock } = this.#options
    const { backup, freeBytesMin } = settings
    const now = clock.now()
    const order: BackupOrder = { folder, backups: this.#backups, keep: backup.keep, freeBytesMin, now }
    const startedAt = performance.now()
    const worker = new Worker(siblingModule(import.meta.url, './backup-thread'), {
      workerData: order,
      resourceLimits: THREAD_HEAP,
      name: 'backup',
    })
    this.#worker = worker
    let result: BackupResult = { ok: false, err: new Error('the thread ended without an answer') }
    worker.on('message', (answer: BackupResult) => {
      result = answer
    })
    worker.on('error', (failure) => {
      result = { ok: false, err: failure instanceof Error ? failure : new Error(String(failure)) }
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#ended(result, now, performance.now() - startedAt)
    })
  }

  #ended(result: BackupResult, at: number, tookMs: number): void {
    this.#worker = undefined
    const { log } = this.#options
    if (result.ok) {
      this.#last = { lastAt: at, lastBytes: result.backup.bytes, lastMs: Math.round(tookMs), lastFailure: undefined }
      this.#dueAt = at + this.#everyMs
    } else {
      log.error({ err: result.err }, 'the backup of the store failed')
      this.#last = { ...this.#last, lastFailure: result.err.message }
      this.#dueAt = this.#options.clock.now() + Math.min(RETRY_MS, this.#everyMs)
    }
    this.#wait()
  }

  /** Abandons a backup in progress: no file with its final name is left, and the next start makes it anew. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = undefined
    // SQLite cannot be interrupted here. The thread ends with the process at the latest, so `stop` does not wait for
    // it.
    worker?.unref()
    void worker?.terminate()
  }
}
