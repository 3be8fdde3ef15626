import type { Database, Statement } from 'better-sqlite3'
import type { SeqSet } from '../../base/ranges.ts'
import type { Amendment } from '../../base/reading.ts'

/** An amendment and its place in the queue of amendments. */
export interface QueuedAmendment extends Amendment {
  readonly id: number
}

/** Changed verdicts that one uplink has not delivered yet. All uplinks share one queue. */
export class AmendmentQueue {
  readonly #database: Database
  readonly #uplink: number
  readonly #settled: SeqSet
  readonly #queued: Statement<[number, number]>
  #confirmed = 0
  #taken = 0
  /** The highest that this run ever sent. */
  #sentMax = 0

  constructor(database: Database, uplink: number, settled: SeqSet) {
    this.#database = database
    this.#uplink = uplink
    this.#settled = settled
    this.#queued = database.prepare('SELECT id, seq, quality, reasons FROM amendments WHERE id > ? ORDER BY id LIMIT ?')
  }

  reload(): void {
    const amended = this.#database.prepare('SELECT amended FROM uplinks WHERE id = ?').pluck()
    this.#confirmed = amended.get(this.#uplink) as number
    this.#taken = Math.max(this.#taken, this.#confirmed)
  }

  /**
   * Amendments of settled readings, in order, up to the first one that must wait. None while others are in flight: an
   * answer means "up to here", and must not cover a message that was lost before it.
   */
  next(countMax: number): QueuedAmendment[] {
    if (this.#taken > this.#confirmed) return []
    const queued = this.#queued.all(this.#taken, countMax) as QueuedAmendment[]
    const waits = queued.findIndex(({ seq }) => !this.#settled.has(seq))
    return waits < 0 ? queued : queued.slice(0, waits)
  }

  take(lastId: number): void {
    this.#taken = lastId
    this.#sentMax = Math.max(this.#sentMax, lastId)
  }

  releaseAll(): void {
    this.#taken = this.#confirmed
  }

  /** Number of amendments up to this id that were never sent: a receiver cannot have them. */
  unsent(lastId: number): number {
    return Math.max(0, lastId - Math.max(this.#sentMax, this.#confirmed))
  }

  /** Whether a confirmation of the amendments up to this id would change anything. */
  isOpen(lastId: number): boolean {
    return Math.min(lastId, this.#taken) > this.#confirmed
  }

  /** In its owner's transaction: writes that the receiver has the amendments up to this id. */
  confirm(lastId: number): void {
    if (!this.isOpen(lastId)) return
    this.#confirmed = Math.min(lastId, this.#taken)
    this.#database.prepare('UPDATE uplinks SET amended = ? WHERE id = ?').run(this.#confirmed, this.#uplink)
    this.#database.prepare('DELETE FROM amendments WHERE id <= (SELECT min(amended) FROM uplinks)').run()
  }
}
