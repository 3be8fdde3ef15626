import type { Database, Statement } from 'better-sqlite3'
import { SeqSet } from '../base/ranges.ts'
import type { Amendment, Seq, SeqRange } from '../base/reading.ts'
import { LOG_COLUMNS, type RawLogRow } from './log.ts'

/** An amendment and its place in the queue of amendments. */
export interface QueuedAmendment extends Amendment {
  readonly id: number
}

/**
 * What one uplink has delivered, what is on its way, and what comes next. Confirmed positions are intervals on disk,
 * never a flag in a row; positions on their way are in memory only: after a crash they are simply sent again, and the
 * receiver knows them.
 */
export class Outbox {
  readonly name: string
  readonly confirmed = new SeqSet()
  readonly #id: number
  readonly #flight = new SeqSet()
  readonly #database: Database
  readonly #rows: Statement<[Seq, Seq, number]>
  readonly #amendments: Statement<[number, number]>
  /** The highest position that was ever on its way in this epoch. */
  #leftMax: Seq
  #next: Seq = 1
  #amended = 0
  #amendmentsTaken = 0

  /** @param lastSeq the highest position in the log: nobody remembers which of those before it have left. */
  constructor(database: Database, name: string, lastSeq: Seq) {
    this.name = name
    this.#leftMax = lastSeq
    this.#database = database
    database.prepare('INSERT OR IGNORE INTO uplinks (name) VALUES (?)').run(name)
    this.#id = database.prepare('SELECT id FROM uplinks WHERE name = ?').pluck().get(name) as number
    this.#rows = database
      .prepare(`SELECT ${LOG_COLUMNS} FROM log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?`)
      .raw() as Statement<[Seq, Seq, number]>
    this.#amendments = database.prepare(
      'SELECT id, seq, quality, reasons FROM amendments WHERE id > ? ORDER BY id LIMIT ?',
    )
    this.reload()
  }

  /** Reads again what is confirmed: at the start, and after a transaction that failed. */
  reload(): void {
    const ranges = this.#database.prepare('SELECT first, last FROM confirmed WHERE uplink = ?').all(this.#id)
    this.confirmed.clear()
    for (const range of ranges as SeqRange[]) this.confirmed.add(range)
    this.#amended = this.#database.prepare('SELECT amended FROM uplinks WHERE id = ?').pluck().get(this.#id) as number
    this.#amendmentsTaken = Math.max(this.#amendmentsTaken, this.#amended)
  }

  /** The next rows that are neither confirmed nor on their way, in rising position, all of one stretch. */
  next(lastSeq: Seq, rowsMax: number): RawLogRow[] {
    while (this.#next <= lastSeq) {
      const stretch = this.#stretchFrom(this.#next, lastSeq)
      if (stretch === undefined) break
      const rows = this.#rows.all(stretch.first, stretch.last, rowsMax) as RawLogRow[]
      if (rows.length > 0) return rows
      this.#next = stretch.last + 1
    }
    return []
  }

  #stretchFrom(from: Seq, lastSeq: Seq): SeqRange | undefined {
    let first = from
    for (;;) {
      const taken = this.confirmed.around(first) ?? this.#flight.around(first)
      if (taken === undefined) break
      first = taken.last + 1
    }
    this.#next = first
    if (first > lastSeq) return undefined
    const end = Math.min(
      lastSeq,
      (this.confirmed.from(first)?.first ?? Infinity) - 1,
      (this.#flight.from(first)?.first ?? Infinity) - 1,
    )
    return { first, last: end }
  }

  /** Says that these positions are on their way. */
  take(range: SeqRange): void {
    this.#flight.add(range)
    this.#leftMax = Math.max(this.#leftMax, range.last)
    if (range.first <= this.#next) this.#next = range.last + 1
  }

  /** Nothing of this is on its way any more; what was not confirmed is offered again. */
  release(range: SeqRange): void {
    this.#flight.remove(range)
    this.#next = Math.min(this.#next, range.first)
  }

  releaseAll(): void {
    this.#flight.clear()
    this.#next = 1
    this.#amendmentsTaken = this.#amended
  }

  /** Nothing has left under the new epoch; receipts of the old one count no more. */
  beginEpoch(): void {
    this.releaseAll()
    this.#leftMax = 0
  }

  /**
   * Whether the far side may have this reading with the verdict that it had before. That it is not on its way any more
   * does not tell: its receipt may still come, and then it is not sent again.
   */
  mayHaveLeft(seq: Seq): boolean {
    return seq <= this.#leftMax || this.confirmed.has(seq)
  }

  /**
   * Writes in its owner's transaction what the far side has; returns how many readings of the log that was news for.
   * Positions above `lastSeq` are not ours and are passed over.
   */
  confirm(ranges: readonly SeqRange[], lastSeq: Seq): number {
    let count = 0
    for (const { first, last } of ranges) {
      for (const gap of this.confirmed.missing({ first: Math.max(1, first), last: Math.min(last, lastSeq) })) {
        count += this.#count(gap)
        this.confirmed.add(gap)
        this.#write(this.confirmed.around(gap.first)!)
      }
    }
    return count
  }

  #count({ first, last }: SeqRange): number {
    const perDevice = this.#database
      .prepare(
        `SELECT series.device, sum(n) FROM (SELECT series, count(*) AS n FROM log WHERE seq BETWEEN ? AND ? GROUP BY series)
         JOIN series ON series.id = series GROUP BY series.device`,
      )
      .raw()
      .all(first, last) as [number, number][]
    const add = this.#database.prepare(
      `INSERT INTO confirmed_counts (uplink, device, confirmed) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET confirmed = confirmed + excluded.confirmed`,
    )
    for (const [device, n] of perDevice) add.run(this.#id, device, n)
    return perDevice.reduce((sum, [, n]) => sum + n, 0)
  }

  #write({ first, last }: SeqRange): void {
    this.#database
      .prepare('DELETE FROM confirmed WHERE uplink = ? AND first BETWEEN ? AND ?')
      .run(this.#id, first, last)
    this.#database.prepare('INSERT INTO confirmed (uplink, first, last) VALUES (?, ?, ?)').run(this.#id, first, last)
  }

  /**
   * Amendments of readings that the far side has, in order, up to the first that must wait. None while others are on
   * their way: an answer says "up to here", which must not cover a message that was lost before it.
   */
  nextAmendments(countMax: number): QueuedAmendment[] {
    if (this.#amendmentsTaken > this.#amended) return []
    const queued = this.#amendments.all(this.#amendmentsTaken, countMax) as QueuedAmendment[]
    const waits = queued.findIndex(({ seq }) => !this.confirmed.has(seq))
    return waits < 0 ? queued : queued.slice(0, waits)
  }

  takeAmendments(lastId: number): void {
    this.#amendmentsTaken = lastId
  }

  /** Writes in its owner's transaction that the far side has the amendments up to this id. */
  confirmAmendments(lastId: number): void {
    if (lastId <= this.#amended) return
    this.#amended = Math.min(lastId, this.#amendmentsTaken)
    this.#database.prepare('UPDATE uplinks SET amended = ? WHERE id = ?').run(this.#amended, this.#id)
    this.#database.prepare('DELETE FROM amendments WHERE id <= (SELECT min(amended) FROM uplinks)').run()
  }
}
