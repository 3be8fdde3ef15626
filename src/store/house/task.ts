import type { Database } from 'better-sqlite3'
import type { Outbox } from '../delivery/outbox.ts'
import type { LogWriter } from '../log.ts'
import type { BlockTable } from '../sealed/blocks.ts'
import type { SealDirectory } from '../sealed/seals.ts'
import type { OverlaidVerdict, Verdicts } from '../sealed/verdicts.ts'

/** What the tasks of housekeeping work on. `write` is one durable transaction; it throws when nothing was done. */
export interface Workshop {
  readonly database: Database
  readonly seals: SealDirectory
  readonly blocks: BlockTable
  readonly verdicts: Verdicts
  readonly outboxes: readonly Outbox[]
  /** The writer of the log as it is now: a new one after a failed transaction. */
  log(): Pick<LogWriter, 'closedLast' | 'close' | 'clearClosed' | 'cleared' | 'trim'>
  write(work: () => void): void
}

/** Time that a slice of housekeeping takes at most before a commit may come in between (ms). */
export const SLICE_MS = 8

/** A task of housekeeping: it yields when a commit may come in between, and nothing is half done then. */
export type Task = Generator<undefined, void, undefined>

/** A task that packs readings, and must hear of verdicts that change meanwhile: it may have read the old ones. */
export interface Packing {
  run(): Task
  /** A verdict was changed. */
  amended(verdict: OverlaidVerdict): void
}
