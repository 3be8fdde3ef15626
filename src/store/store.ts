import type { Database } from 'better-sqlite3'
import type { Seq } from '../base/reading.ts'
import type { StoreSettings } from '../settings/edge.ts'
import { Arrivals } from './arrivals.ts'
import { Catalog } from './catalog.ts'
import { ConfigStore } from './config/config-store.ts'
import { newName, prepareFolder } from './database.ts'
import { type Backlog, backlogOf } from './delivery/backlog.ts'
import { LinkUsage } from './delivery/link-usage.ts'
import type { Outbox } from './delivery/outbox.ts'
import { openOutboxes, type Retired, type UplinkStart } from './delivery/outboxes.ts'
import { ForwardQueue } from './forward/forward-queue.ts'
import { assembleRetention } from './housekeeping/assemble.ts'
import { Forecaster } from './housekeeping/forecaster.ts'
import { Housekeeping } from './housekeeping/housekeeping.ts'
import type { Removal } from './housekeeping/removal.ts'
import type { Archive } from './housekeeping/retention.ts'
import { Space } from './housekeeping/space.ts'
import { Incoming } from './incoming.ts'
import { FolderLock } from './lock.ts'
import { LogWriter, type RawLogRow } from './log.ts'
import { Orders } from './orders.ts'
import { Positions } from './positions.ts'
import { openSound } from './recovery/heal.ts'
import { Soundness } from './recovery/soundness.ts'
import { Rejects } from './rejects.ts'
import { Repeats } from './repeats.ts'
import { BlockTable, type DamagedBlock } from './sealed/blocks.ts'
import { SealDirectory } from './sealed/seals.ts'
import type { HousekeepingContext } from './sealed/task.ts'
import { type OverlaidVerdict, Verdicts } from './sealed/verdicts.ts'
import type { StoreOptions } from './store-options.ts'
import { foldTallies } from './tallies.ts'
import { readEpoch, readLastSeq, renewEpoch } from './timeline.ts'

/** What a commit adds to the WAL, for knowing when a checkpoint is due: pages that it touches besides the log's own. */
const PAGES_PER_COMMIT = 4
const ROWS_PER_PAGE = 130

/**
 * The writing side of tidegate.db: one per data folder and process. Everything that changes the disk goes through
 * `write`, one durable transaction each.
 */
export class Store {
  readonly #database: Database
  readonly #lock: FolderLock
  readonly #settings: StoreSettings
  /**
   * Names this opening of the store, and is written nowhere in it: a database that is set back forgets what it has sent,
   * and an answer to that must not be taken for one to what it sends now.
   */
  readonly run = newName()
  readonly outboxes: readonly Outbox[]
  /** Uplinks that the settings name no more, forgotten at this opening. */
  readonly retired: readonly Retired[]
  readonly linkUsage: LinkUsage
  readonly forwards: ForwardQueue
  readonly orders: Orders
  readonly configs: ConfigStore
  readonly rejects: Rejects
  readonly repeats: Repeats
  readonly incoming: Incoming
  readonly seals: SealDirectory
  readonly blocks: BlockTable
  readonly positions: Positions
  readonly housekeeping: Housekeeping
  readonly space: Space
  readonly soundness: Soundness
  readonly forecaster: Forecaster
  readonly removal: Removal
  readonly #verdicts: Verdicts
  readonly #arrivals: Arrivals
  catalog: Catalog
  log: LogWriter
  #epoch: string
  #walPages = 0
  /** False: a transaction failed, and what memory learnt in it could not be dropped yet. */
  #recovered = true
  /** Verdicts changed in the transaction at work. */
  #amended: OverlaidVerdict[] = []

  private constructor(database: Database, lock: FolderLock, options: StoreOptions) {
    const { folder, settings, uplinks } = options
    this.#database = database
    this.#lock = lock
    this.#settings = settings
    this.soundness = new Soundness(database, folder)
    this.#epoch = readEpoch(database)
    this.catalog = new Catalog(database, settings.seriesMax)
    this.log = new LogWriter(database, readLastSeq(database))
    this.seals = new SealDirectory(database)
    this.blocks = new BlockTable(database)
    this.positions = new Positions(database, this.seals, this.blocks)
    this.#verdicts = new Verdicts(database)
    this.#arrivals = new Arrivals(database, this.seals)
    const { positions, lastSeq } = this
    const firstSince = (utc: number): Seq => this.firstSeqSince(utc)
    const { outboxes, retired } = openOutboxes(uplinks, { database, positions, lastSeq, firstSince })
    this.outboxes = outboxes
    this.retired = retired
    this.linkUsage = new LinkUsage(database)
    this.forwards = new ForwardQueue(database, settings, uplinks)
    this.orders = new Orders(database)
    this.configs = new ConfigStore(database)
    this.rejects = new Rejects(database, settings)
    this.repeats = new Repeats(database, settings.repeatWindow, (first) => positions.sealedFrom(first))
    this.incoming = new Incoming(database)
    this.space = new Space(database, folder, settings)
    const retention = assembleRetention(this.#context(), options, () => this.catalog)
    this.removal = retention.removal
    this.housekeeping = new Housekeeping(retention, settings)
    this.forecaster = new Forecaster(this.space, this.seals, this.housekeeping)
  }

  #context(): HousekeepingContext {
    return {
      database: this.#database,
      seals: this.seals,
      blocks: this.blocks,
      verdicts: this.#verdicts,
      outboxes: this.outboxes,
      log: () => this.log,
      write: (work) => this.#writeForHousekeeping(work),
    }
  }

  /**
   * A damaged database is set aside and salvaged first (rescue/heal.ts).
   * @throws OperatorError: folder not writable, in use, database of a newer version.
   */
  static open(folder: string, settings: StoreSettings, uplinks: readonly UplinkStart[], archive?: Archive): Store {
    prepareFolder(folder)
    const lock = FolderLock.take(folder)
    try {
      const database = openSound(folder, { maxBytes: settings.maxBytes, uplinks: uplinks.map(({ name }) => name) })
      return new Store(database, lock, { folder, settings, uplinks, archive })
    } catch (failure) {
      lock.release()
      throw failure
    }
  }

  /** Names the timeline of positions; renewed when the database turns out to have gone back in time. */
  get epoch(): string {
    return this.#epoch
  }

  /** The highest position on disk or in the transaction at work. */
  get lastSeq(): Seq {
    return this.log.lastSeq
  }

  /**
   * One durable transaction: when it returns, what `work` did is on the disk. When it throws, nothing of it happened,
   * neither on disk nor in memory.
   */
  write<T>(work: () => T): T {
    this.soundness.refuseIfDamaged()
    if (!this.#recovered) this.#recover()
    const from = this.lastSeq
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.log.flush()
      this.catalog.flush()
      this.forwards.flush()
      this.#database.exec('COMMIT')
      for (const amendment of this.#amended) this.housekeeping.amended(amendment)
      this.#walPages += PAGES_PER_COMMIT + (this.lastSeq - from) / ROWS_PER_PAGE
      return result
    } catch (failure) {
      this.soundness.note(failure)
      this.#recovered = false
      this.#recover()
      throw failure
    } finally {
      this.#amended = []
    }
  }

  /** The same for a task of housekeeping: where it fails, what the task has learnt may never have been. */
  #writeForHousekeeping(work: () => void): void {
    try {
      this.write(work)
    } catch (failure) {
      this.seals.reload()
      this.housekeeping.abandon()
      this.removal.takeSummary()
      throw failure
    }
  }

  /**
   * The disk is the truth: what memory had learnt in a transaction that failed is dropped. A disk that cannot even be
   * read at the moment makes the next `write` try again first.
   */
  #recover(): void {
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
    this.catalog = new Catalog(this.#database, this.#settings.seriesMax)
    this.log = new LogWriter(this.#database, readLastSeq(this.#database))
    this.repeats.forget()
    this.positions.forget()
    for (const kept of [this.configs, ...this.outboxes, this.forwards]) kept.reload()
    this.#recovered = true
  }

  /** Inside `write`: stores changed verdicts, and queues those that may have left already. */
  amend(amendments: readonly OverlaidVerdict[]): void {
    if (amendments.length === 0) return
    const queue = this.#database.prepare('INSERT INTO amendments (seq, quality, reasons) VALUES (?, ?, ?)')
    for (const amendment of amendments) {
      const { seq, quality, reasons } = amendment
      if (seq > this.seals.sealedUpTo) {
        this.log.amend(amendment)
      } else {
        this.#verdicts.put(amendment)
        this.positions.amend(amendment)
      }
      this.#amended.push(amendment)
      if (this.outboxes.some((outbox) => outbox.mayHaveLeft(seq))) queue.run(seq, quality, reasons)
    }
  }

  /**
   * A new timeline: the far side knows positions that this database never gave, or other readings under them. What is
   * confirmed stays so; everything else goes out under the new name, with the positions it has.
   */
  beginEpoch(): string {
    this.#epoch = this.write(() => renewEpoch(this.#database))
    for (const outbox of this.outboxes) outbox.beginEpoch(this.lastSeq)
    return this.#epoch
  }

  /** @throws when there is no such uplink: names are fixed at `open`. */
  outbox(name: string): Outbox {
    const outbox = this.outboxes.find((one) => one.name === name)
    if (outbox === undefined) throw new Error(`there is no uplink ${name}`)
    return outbox
  }

  /** How many readings an uplink has not confirmed yet, and since when. */
  backlog(outbox: Outbox): Backlog {
    return backlogOf(outbox, { positions: this.positions, arrivals: this.#arrivals, lastSeq: this.lastSeq })
  }

  /** Arrival (UTC ms) of the newest reading; 0 where there is none. */
  lastStoredAt(): number {
    return this.#arrivals.newest()
  }

  /** Readings from `first` on, ascending, in pages; for rebuilding what is kept in memory. */
  readFrom(first: Seq, pageRows = 4_096): Generator<RawLogRow> {
    return this.positions.from(first, pageRows)
  }

  /** A position from which on all has come in at or after this time (UTC ms). */
  firstSeqSince(receivedAt: number): Seq {
    return this.#arrivals.firstSince(receivedAt, this.lastSeq)
  }

  /**
   * Moves the WAL into the database file when it has grown; called after acknowledgements left, never inside a commit.
   * Readers that are open at the moment only make it do less.
   */
  checkpointIfDue(): void {
    if (this.#walPages < this.#settings.checkpointPages) return
    this.#database.pragma('wal_checkpoint(PASSIVE)')
    this.#walPages = 0
  }

  /** A slice of what is done when nobody waits; true: there is more. @throws what the disk throws; nothing is lost. */
  runHousekeeping({ now, busy }: { now: number; busy: boolean }): boolean {
    const { lastSeq } = this
    const { seriesCount } = this.catalog
    const oldestAt = (): number | undefined => this.#arrivals.oldestInLog()
    const more = this.housekeeping.step({ lastSeq, seriesCount, now, oldestAt, space: this.space.measure() }, busy)
    if (!more) this.space.settle()
    return more
  }

  /** A block turned out to be damaged: its readings are booked as lost, and nobody stumbles over it again. */
  giveUp(damaged: DamagedBlock): void {
    this.write(() => {
      this.soundness.recordBlock(damaged, this.blocks.headAt(damaged.id))
      this.removal.giveUp(damaged.id, this.positions)
    })
  }

  close(): void {
    try {
      if (this.soundness.damage !== undefined) return
      this.write(() => foldTallies(this.#database))
      this.#database.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      this.#database.close()
      this.#lock.release()
    }
  }
}
