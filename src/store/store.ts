import type { Database } from 'better-sqlite3'
import { systemClock } from '../base/clock.ts'
import { MachineElapsedClock } from '../base/elapsed-time.ts'
import type { Seq } from '../base/reading.ts'
import type { StoreSettings } from '../settings/edge.ts'
import { readNewestArrival } from './arrivals.ts'
import { Catalog } from './catalog.ts'
import { StoreTime } from './clock/store-time.ts'
import { EdgeConfigStore } from './config/config-store.ts'
import { prepareFolder } from './database.ts'
import { type Backlog, backlogOf } from './delivery/backlog.ts'
import type { Outbox } from './delivery/outbox.ts'
import type { UplinkStart } from './delivery/outboxes.ts'
import { claimStore, type NameChange } from './edge-name.ts'
import { Wal } from './housekeeping/wal.ts'
import { FolderLock } from './lock.ts'
import { LogWriter, type RawLogRow } from './log.ts'
import { Orders } from './orders.ts'
import {
  openDelivery,
  openIntake,
  openSealed,
  openUpkeep,
  type StoreBlocks,
  type StoreDelivery,
  type StoreIntake,
  type StoreOptions,
  type StoreTools,
  type StoreUpkeep,
} from './parts.ts'
import { openSound } from './recovery/heal.ts'
import { Soundness } from './recovery/soundness.ts'
import type { DamagedBlock } from './sealed/blocks.ts'
import type { HousekeepingContext } from './sealed/task.ts'
import type { OverlaidVerdict } from './sealed/verdicts.ts'
import { foldTallies } from './tallies.ts'
import { readEpoch, readLastSeq, renewEpoch } from './timeline.ts'

/**
 * The writing side of tidegate.db: one per data folder and process. All changes on the disk go through `write`, each in
 * one durable transaction.
 */
export class Store {
  readonly #database: Database
  readonly #lock: FolderLock
  readonly #settings: StoreSettings
  /**
   * A new name each time the store is opened. A database that was set back to an earlier copy assigns
   * the same positions again. A receipt for the readings that had them before must not confirm the new ones.
   */
  readonly run: string
  /** The parts that a commit of readings works with. */
  readonly intake: StoreIntake
  /** Delivery to the uplinks: the readings and messages that were sent, and those that wait. */
  readonly delivery: StoreDelivery
  /** Readings in compressed blocks. */
  readonly sealed: StoreBlocks
  /** Room, retention and soundness of the database. */
  readonly upkeep: StoreUpkeep
  /** The clock by which readings age. */
  readonly time: StoreTime
  readonly configs: EdgeConfigStore
  readonly wal: Wal
  readonly orders: Orders
  /** The change of the name of the edge that this opening has made. */
  readonly renamed: NameChange | undefined
  #epoch: string
  /** False: a transaction failed, and its changes in memory could not be discarded yet. */
  #recovered = true
  /** Verdicts changed in the current transaction. */
  #amended: OverlaidVerdict[] = []

  private constructor(database: Database, lock: FolderLock, options: StoreOptions) {
    const { folder, settings, edge, clock } = options
    this.renamed = edge && claimStore(database, edge, clock.now())
    this.#database = database
    this.#lock = lock
    this.#settings = settings
    this.#epoch = readEpoch(database)
    this.sealed = openSealed(database, (seq, arrival) => this.time.timeOf(seq, arrival))
    this.intake = openIntake(database, settings, this.sealed.positions)
    this.time = new StoreTime(
      database,
      { system: options.clock, elapsedClock: options.elapsedClock },
      { lastSeq: () => this.lastSeq, newestArrival: readNewestArrival(database) },
    )
    this.delivery = openDelivery(database, options, { ...this.sealed, lastSeq: this.lastSeq })
    this.run = this.delivery.run.name
    this.orders = new Orders(database)
    this.configs = new EdgeConfigStore(database, settings.maxBytes)
    this.wal = new Wal(database, settings)
    const soundness = new Soundness(database, folder, options.clock)
    this.upkeep = openUpkeep(this.#context(), options, { soundness, intake: this.intake, ...this.delivery })
  }

  #context(): HousekeepingContext {
    return {
      database: this.#database,
      ...this.sealed,
      outboxes: this.delivery.outboxes,
      begunAt: (seal) => this.sealed.arrivals.firstOf(seal),
      arrivedAt: (seal) => this.sealed.arrivals.lastOf(seal),
      movesAlikeUntil: (first) => this.time.movesAlikeUntil(first),
      log: () => this.intake.log,
      write: (work) => this.#writeForHousekeeping(work),
    }
  }

  /**
   * Opens the store of a folder. A damaged database is set aside and salvaged first (recovery/heal.ts).
   * @throws OperatorError if the folder is not writable, in use or of another edge, or the database is of a newer version.
   */
  static open(
    folder: string,
    settings: StoreSettings,
    uplinks: readonly UplinkStart[],
    { edge, archive, clock = systemClock, elapsedClock = new MachineElapsedClock() }: StoreTools = {},
  ): Store {
    prepareFolder(folder)
    const lock = FolderLock.take(folder)
    try {
      const database = openSound(folder, {
        maxBytes: settings.maxBytes,
        uplinks: uplinks.map(({ name }) => name),
        now: clock.now(),
      })
      return new Store(database, lock, { folder, settings, uplinks, edge, archive, clock, elapsedClock })
    } catch (failure) {
      lock.release()
      throw failure
    }
  }

  /** Names the timeline of positions; renewed when the database turns out to have gone back in time. */
  get epoch(): string {
    return this.#epoch
  }

  /** The highest position on disk or in the current transaction. */
  get lastSeq(): Seq {
    return this.intake.log.lastSeq
  }

  /**
   * Runs one durable transaction. When it returns, the changes of `work` are on the disk. When it throws, none of them
   * took place, neither on disk nor in memory.
   */
  write<T>(work: () => T): T {
    this.upkeep.soundness.refuseIfDamaged()
    if (!this.#recovered) this.#recover()
    const from = this.lastSeq
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.intake.log.flush()
      this.intake.catalog.flush()
      this.delivery.forwards.flush()
      this.delivery.down.flush()
      this.intake.unrouted.flush()
      this.time.flush(() => this.sealed.seals.all[0]?.first ?? this.sealed.seals.sealedUpTo + 1)
      this.#database.exec('COMMIT')
      this.time.committed()
      for (const amendment of this.#amended) this.upkeep.housekeeping.amended(amendment)
      this.wal.committed(this.lastSeq - from)
      return result
    } catch (failure) {
      this.upkeep.soundness.note(failure)
      this.#recovered = false
      this.#recover()
      throw failure
    } finally {
      this.#amended = []
    }
  }

  /** The same for a housekeeping task: if it fails, its state in memory may contain changes that were rolled back. */
  #writeForHousekeeping(work: () => void): void {
    try {
      this.write(work)
    } catch (failure) {
      this.sealed.seals.reload()
      this.upkeep.housekeeping.abandon()
      this.upkeep.removal.takeSummary()
      throw failure
    }
  }

  /**
   * The disk is the truth: discards changes in memory from a failed transaction. If even reading the disk fails now,
   * the next `write` tries again first.
   */
  #recover(): void {
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
    this.intake.catalog = new Catalog(this.#database, this.#settings)
    this.intake.log = new LogWriter(this.#database, readLastSeq(this.#database))
    this.intake.repeats.forget()
    this.sealed.positions.forget()
    const { outboxes, forwards, down } = this.delivery
    const { rejects, unrouted } = this.intake
    for (const kept of [this.time, this.configs, rejects, unrouted, ...outboxes, forwards, down]) kept.reload()
    this.#recovered = true
  }

  /** Inside `write`: stores changed verdicts, and queues those of readings that may have been sent already. */
  amend(amendments: readonly OverlaidVerdict[]): void {
    if (amendments.length === 0) return
    const queue = this.#database.prepare('INSERT INTO amendments (seq, quality, reasons) VALUES (?, ?, ?)')
    for (const amendment of amendments) {
      const { seq, quality, reasons } = amendment
      if (seq > this.sealed.seals.sealedUpTo) {
        this.intake.log.amend(amendment)
      } else {
        this.sealed.verdicts.put(amendment)
        this.sealed.positions.amend(amendment)
      }
      this.#amended.push(amendment)
      if (this.delivery.outboxes.some((outbox) => outbox.mayHaveLeft(seq))) queue.run(seq, quality, reasons)
    }
  }

  /**
   * Begins a new timeline: the receiver knows positions that this database never assigned, or other readings at its
   * positions. Confirmed readings stay confirmed; all others are sent under the new name, with the positions that they
   * have.
   */
  beginEpoch(): string {
    this.#epoch = this.write(() => renewEpoch(this.#database))
    for (const outbox of this.delivery.outboxes) outbox.beginEpoch(this.lastSeq)
    return this.#epoch
  }

  /** @throws when there is no such uplink: names are fixed at `open`. */
  outbox(name: string): Outbox {
    const outbox = this.delivery.outboxes.find((one) => one.name === name)
    if (outbox === undefined) throw new Error(`there is no uplink ${name}`)
    return outbox
  }

  /** Number of readings that an uplink has not confirmed yet, and the arrival of the oldest. */
  backlog(outbox: Outbox): Backlog {
    return backlogOf(outbox, { ...this.sealed, lastSeq: this.lastSeq })
  }

  /** Readings from `first` on, ascending, read in pages; for rebuilding state in memory. */
  readFrom(first: Seq, pageRows = 4_096): Generator<RawLogRow> {
    return this.sealed.positions.from(first, pageRows)
  }

  /** Called after acknowledgements were sent, never inside a commit. */
  checkpointIfDue(): void {
    this.wal.checkpointIfDue()
  }

  /** Compares the clocks; writes if that changes the times of stored readings. */
  checkClock(): void {
    if (this.time.compare()) this.write(() => undefined)
  }

  /**
   * Runs one slice of housekeeping. @param now the store clock (UTC ms)
   * @returns whether there is more to do. @throws what the disk throws; no data is lost.
   */
  runHousekeeping({ now, busy }: { now: number; busy: boolean }): boolean {
    const { lastSeq, time, intake } = this
    const oldestAt = (): number | undefined => this.sealed.arrivals.oldestInLog()
    const lastWithin = (spanMs: number): Seq => this.sealed.arrivals.lastInLogWithin(spanMs, lastSeq)
    const space = this.upkeep.space.measure()
    const { seriesCount } = intake.catalog
    const { holdsRemoval } = time
    const situation = { lastSeq, seriesCount, now, holdsRemoval, clock: time, oldestAt, lastWithin, space }
    if (this.upkeep.housekeeping.step(situation, busy)) return true
    this.upkeep.space.settle()
    // Under load, one slice at a time: a catalog that is full under load must still get room.
    return this.upkeep.series.step(performance.now()) && !busy
  }

  /**
   * A block turned out to be damaged: books its readings as lost and removes it, so that it causes no further failure. A
   * housekeeping task that is under way may have read the block, and holds its seal as it was: it starts anew.
   */
  giveUp(damaged: DamagedBlock): void {
    this.#writeForHousekeeping(() => {
      this.upkeep.soundness.recordBlock(damaged, this.sealed.blocks.headAt(damaged.id))
      this.upkeep.removal.giveUp(damaged.id, this.sealed.positions)
    })
    this.upkeep.housekeeping.restart()
  }

  close(): void {
    try {
      if (this.upkeep.soundness.damage !== undefined) return
      this.time.close()
      this.write(() => foldTallies(this.#database))
      this.#database.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      this.#database.close()
      this.#lock.release()
    }
  }
}
