import type { Database, Statement } from 'better-sqlite3'
import { SeqSet } from '../base/ranges.ts'
import type { Amendment, Seq, SeqRange } from '../base/reading.ts'
import type { RawLogRow } from './log.ts'
import type { Positions } from './positions.ts'

/** An amendment and its place in the queue of amendments. */
export interface QueuedAmendment extends Amendment {
  readonly id: number
}

/** How many readings of each series are in what left under these positions. */
interface Flight extends SeqRange {
  readonly bySeries: ReadonlyMap<number, number>
}

/**
 * What one uplink has delivered, what is on its way, and what comes next. Confirmed positions are intervals on disk,
 * never a flag in a row; positions on their way are in memory only: after a crash they are simply sent again, and the
 * receiver knows them.
 */
export class Outbox {
  readonly name: string
  /** Positions that need not be sent (any more): confirmed, or dropped. */
  readonly settled = new SeqSet()
  readonly #id: number
  readonly #flight = new SeqSet()
  /** Positions between those that were sent that have no reading (any more): settled with the next answer. */
  readonly #barren = new SeqSet()
  /** By first position: so that an answer can be booked without reading the readings again. */
  readonly #flights = new Map<Seq, Flight>()
  readonly #database: Database
  readonly #positions: Positions
  readonly #deviceOf: Statement<[number]>
  readonly #addConfirmed: Statement<[number, number, number]>
  readonly #addDropped: Statement<[number, number, number]>
  readonly #confirmedCount: Statement<[number]>
  readonly #amendments: Statement<[number, number]>
  /** The highest position that was ever on its way in this epoch. */
  #leftMax: Seq
  #next: Seq = 1
  #amended = 0
  #amendmentsTaken = 0

  /** @param options `lastSeq` is the highest position given: nobody remembers which of those before it have left. */
  constructor(database: Database, positions: Positions, { name, lastSeq }: { name: string; lastSeq: Seq }) {
    this.name = name
    this.#leftMax = lastSeq
    this.#database = database
    this.#positions = positions
    this.#id = database.transaction(() => idOf(database, name)).immediate()
    this.#deviceOf = database.prepare('SELECT device FROM series WHERE id = ?').pluck()
    this.#addConfirmed = database.prepare(
      `INSERT INTO confirmed_counts (uplink, device, confirmed) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET confirmed = confirmed + excluded.confirmed`,
    )
    this.#addDropped = database.prepare(
      `INSERT INTO confirmed_counts (uplink, device, confirmed, dropped) VALUES (?, ?, 0, ?)
       ON CONFLICT DO UPDATE SET dropped = dropped + excluded.dropped`,
    )
    this.#confirmedCount = database
      .prepare('SELECT coalesce(sum(confirmed), 0) FROM confirmed_counts WHERE uplink = ?')
      .pluck()
    this.#amendments = database.prepare(
      'SELECT id, seq, quality, reasons FROM amendments WHERE id > ? ORDER BY id LIMIT ?',
    )
    this.reload()
  }

  /** Readings that the far side has. */
  get confirmedCount(): number {
    return this.#confirmedCount.get(this.#id) as number
  }

  /** Reads again what is settled: at the start, and after a transaction that failed. */
  reload(): void {
    const ranges = this.#database.prepare('SELECT first, last FROM confirmed WHERE uplink = ?').all(this.#id)
    this.settled.clear()
    for (const range of ranges as SeqRange[]) this.settled.add(range)
    this.#flights.clear()
    this.#amended = this.#database.prepare('SELECT amended FROM uplinks WHERE id = ?').pluck().get(this.#id) as number
    this.#amendmentsTaken = Math.max(this.#amendmentsTaken, this.#amended)
  }

  /** The next rows that are neither confirmed nor on their way, in rising position, all of one stretch. */
  next(lastSeq: Seq, rowsMax: number): RawLogRow[] {
    while (this.#next <= lastSeq) {
      const stretch = this.#stretchFrom(this.#next, lastSeq)
      if (stretch === undefined) break
      const rows = this.#positions.rows(stretch, rowsMax)
      this.#barren.add({ first: stretch.first, last: (rows[0]?.[0] ?? stretch.last + 1) - 1 })
      if (rows.length > 0) return rows
      this.#next = stretch.last + 1
    }
    return []
  }

  /** Opens for at most so long what `next` needs; false: it is not open yet, and others should come first. */
  prepare(lastSeq: Seq, budgetMs: number): boolean {
    const stretch = this.#next > lastSeq ? undefined : this.#stretchFrom(this.#next, lastSeq)
    return stretch === undefined || this.#positions.prepare(stretch.first, budgetMs)
  }

  #stretchFrom(from: Seq, lastSeq: Seq): SeqRange | undefined {
    let first = from
    for (;;) {
      const taken = this.settled.around(first) ?? this.#flight.around(first)
      if (taken === undefined) break
      first = taken.last + 1
    }
    this.#next = first
    if (first > lastSeq) return undefined
    const end = Math.min(
      lastSeq,
      (this.settled.from(first)?.first ?? Infinity) - 1,
      (this.#flight.from(first)?.first ?? Infinity) - 1,
    )
    return { first, last: end }
  }

  /** Says that these positions are on their way; with their readings, if they are at hand. */
  take(range: SeqRange, rows?: readonly RawLogRow[]): void {
    this.#flight.add(range)
    if (rows !== undefined) this.#flights.set(range.first, { ...range, bySeries: countBySeries(rows) })
    this.#leftMax = Math.max(this.#leftMax, range.last)
    if (range.first <= this.#next) this.#next = range.last + 1
  }

  /** Nothing of this is on its way any more; what was not confirmed is offered again. */
  release(range: SeqRange): void {
    this.#flight.remove(range)
    this.#flights.delete(range.first)
    this.#next = Math.min(this.#next, range.first)
  }

  releaseAll(): void {
    this.#flight.clear()
    this.#flights.clear()
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
    return seq <= this.#leftMax || this.settled.has(seq)
  }

  /** Whether something of this is on its way: sent, and not answered. */
  isOnItsWay({ first, last }: SeqRange): boolean {
    for (let next = this.#flight.from(first); next !== undefined && next.first <= last; ) {
      const sent = { first: Math.max(first, next.first), last: Math.min(last, next.last) }
      if (this.settled.missing(sent).length > 0) return true
      next = this.#flight.from(next.last + 1)
    }
    return false
  }

  /**
   * Writes in its owner's transaction what the far side has; returns how many readings that was news for. Positions
   * above `lastSeq` are not ours and are passed over.
   */
  confirm(ranges: readonly SeqRange[], lastSeq: Seq): number {
    let count = 0
    for (const { first, last } of ranges) {
      for (const gap of this.settled.missing({ first: Math.max(1, first), last: Math.min(last, lastSeq) })) {
        count += this.#book(gap)
        this.settle(gap)
      }
    }
    this.#settleBarren()
    return count
  }

  /** In its owner's transaction. What that has settled is forgotten at the next time, when it is sure to be on the disk. */
  #settleBarren(): void {
    for (const gap of [...this.#barren]) {
      const open = this.settled.missing(gap)
      if (open.length === 0) this.#barren.remove(gap)
      for (const range of open) this.settle(range)
    }
  }

  /** Writes in its owner's transaction that these positions need not be sent any more. */
  settle(range: SeqRange): void {
    this.settled.add(range)
    this.#write(this.settled.around(range.first)!)
  }

  /** Counts in its owner's transaction readings of a device that were removed before they were confirmed. */
  addDropped(device: number, count: number): void {
    this.#addDropped.run(this.#id, device, count)
  }

  /** In its owner's transaction: of a device's readings so many are not waiting; what is not confirmed of them is lost. */
  rebalance(device: number, notWaiting: number): void {
    this.addDropped(device, 0)
    this.#database
      .prepare('UPDATE confirmed_counts SET dropped = ? - confirmed WHERE uplink = ? AND device = ?')
      .run(notWaiting, this.#id, device)
  }

  /** Adds to the counters what is in these positions, which were not settled before. */
  #book({ first, last }: SeqRange): number {
    let count = 0
    for (let next = first; next <= last; ) {
      const flight = this.#flights.get(next)
      const known = flight !== undefined && flight.last <= last
      const end = known ? flight.last : this.#nextFlight(next, last)
      count += this.#add(known ? flight.bySeries : this.#positions.countBySeries({ first: next, last: end }))
      this.#flights.delete(next)
      next = end + 1
    }
    return count
  }

  /** The end of a stretch that nobody counted when it left. */
  #nextFlight(from: Seq, last: Seq): Seq {
    let end = last
    for (const [first, flight] of this.#flights) {
      if (first > from && first <= end && flight.last <= last) end = first - 1
    }
    return end
  }

  #add(bySeries: ReadonlyMap<number, number>): number {
    let count = 0
    for (const [series, n] of bySeries) {
      this.#addConfirmed.run(this.#id, this.#deviceOf.get(series) as number, n)
      count += n
    }
    return count
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
    const waits = queued.findIndex(({ seq }) => !this.settled.has(seq))
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

/** The number of an uplink. For a new one, readings that were removed before it came are dropped. */
function idOf(database: Database, name: string): number {
  const { changes } = database.prepare('INSERT OR IGNORE INTO uplinks (name) VALUES (?)').run(name)
  const id = database.prepare('SELECT id FROM uplinks WHERE name = ?').pluck().get(name) as number
  const dropped = `INSERT INTO confirmed_counts (uplink, device, confirmed, dropped)
    SELECT ?, id, 0, expired + dropped + thinned + damaged FROM devices WHERE expired + dropped + thinned + damaged > 0`
  if (changes > 0) database.prepare(dropped).run(id)
  return id
}

function countBySeries(rows: readonly RawLogRow[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const [, series] of rows) counts.set(series, (counts.get(series) ?? 0) + 1)
  return counts
}
