import type { Database } from 'better-sqlite3'

/** Pages that a commit adds to the WAL in addition to those of the log; an estimate of when a checkpoint is due. */
const PAGES_PER_COMMIT = 4
const ROWS_PER_PAGE = 130
const PAGE_BYTES = 4_096
/** A WAL with as many pages (64 MiB) is held by a reader, unless checkpoints are as rare as that. */
const HELD_PAGES_MIN = 16_384
/** It is held when this number of checkpoints in a row find it as large: one large transaction is no sign of a reader. */
const HELD_CHECKPOINTS_MIN = 3

export interface WalStatus {
  /** Size at the last checkpoint. */
  readonly bytes: number
  /** A reader keeps it from shrinking. SQLite begins the WAL again only when no reader needs it. */
  readonly held: boolean
}

/** Moves the WAL into the database file when it has grown, and notices when a reader keeps it from shrinking. */
export class Wal {
  readonly #database: Database
  readonly #checkpointPages: number
  #pages = 0
  #lastPages = 0
  #largeInARow = 0

  constructor(database: Database, { checkpointPages }: { readonly checkpointPages: number }) {
    this.#database = database
    this.#checkpointPages = checkpointPages
  }

  get status(): WalStatus {
    return { bytes: this.#lastPages * PAGE_BYTES, held: this.#largeInARow >= HELD_CHECKPOINTS_MIN }
  }

  /** A transaction was committed. @param rows that it added to the log */
  committed(rows: number): void {
    this.#pages += PAGES_PER_COMMIT + rows / ROWS_PER_PAGE
  }

  /**
   * Called after acknowledgements were sent, never inside a commit. If readers are open at that moment, it only moves
   * less.
   */
  checkpointIfDue(): void {
    if (this.#pages < this.#checkpointPages) return
    const [result] = this.#database.pragma('wal_checkpoint(PASSIVE)') as { readonly log: number }[]
    this.#pages = 0
    this.#lastPages = Math.max(0, result?.log ?? 0)
    const isLarge = this.#lastPages >= Math.max(HELD_PAGES_MIN, 4 * this.#checkpointPages)
    this.#largeInARow = isLarge ? this.#largeInARow + 1 : 0
  }
}
