import type { Database } from 'better-sqlite3'
import type { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { LogWriter } from '../log.ts'
import type { BlockTable } from './blocks.ts'
import type { Seal, SealDirectory } from './seals.ts'
import type { OverlaidVerdict, VerdictTable } from './verdicts.ts'

/** What housekeeping needs to know of one uplink, and reports to it. */
export interface DeliveryState {
  /** Positions that the uplink does not have to send (again). */
  readonly settled: SeqSet
  /** Whether a reading of this range was sent and is not answered yet. */
  isOnItsWay(range: SeqRange): boolean
  /** Marks a range as done: its readings no longer exist. */
  settle(range: SeqRange): void
  /** Counts readings of a device that were removed before they were delivered. */
  addDropped(device: number, count: number): void
  /** Sets how many readings of a device are settled, after a block turned out to be damaged. */
  rebalance(device: number, settled: number): void
}

/** The context of housekeeping tasks. `write` runs one durable transaction; if it throws, nothing was done. */
export interface HousekeepingContext {
  readonly database: Database
  readonly seals: SealDirectory
  readonly blocks: BlockTable
  readonly verdicts: VerdictTable
  readonly outboxes: readonly DeliveryState[]
  /** Arrivals of the first and the last reading of a seal, by the store clock (UTC ms). */
  begunAt(seal: Seal): number
  arrivedAt(seal: Seal): number
  /** The last position from `first` on whose arrival a correction of the clock moves by as much as that of `first`. */
  movesAlikeUntil(first: Seq): Seq
  /** The current log writer; it is replaced after a failed transaction. */
  log(): Pick<LogWriter, 'closedLast' | 'close' | 'clearClosed' | 'cleared' | 'trim'>
  write(work: () => void): void
}

/** Maximum duration of a slice of housekeeping before a commit may run (ms). */
export const SLICE_MS = 8

/** A housekeeping task. It yields at points where a commit may run; then its state is consistent. */
export type Task = Generator<undefined, void, undefined>

/**
 * A task that packs readings. It must be notified of verdicts that change meanwhile, because it may have read the old
 * ones.
 */
export interface Packing {
  run(): Task
  /** Notifies the task that a verdict changed. */
  amended(verdict: OverlaidVerdict): void
}
