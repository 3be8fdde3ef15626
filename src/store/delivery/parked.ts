import type { Database, Statement } from 'better-sqlite3'
import type { Seq, SeqRange } from '../../base/reading.ts'
import { addCount } from '../counts.ts'
import { LOG_COLUMNS, type RawLogRow } from '../log.ts'

/** Maximum number of parked readings of one uplink. Further ones are held back in the store (refusals.ts). */
export const PARKED_MAX = 10_000
/** The same for one series, so that one series cannot use up the room of all others. */
export const PARKED_PER_SERIES_MAX = 1_000

/**
 * Readings that the receiver of one uplink refuses permanently, each with the reason. They do not block other readings,
 * and are kept completely until an operator sends them again or drops them. All methods that write run in their owner's
 * transaction.
 */
export class Parked {
  readonly #uplink: number
  readonly #insert: Statement<unknown[]>
  readonly #next: Statement<[number, number]>
  readonly #statements
  /** Parked positions, as on the disk. */
  #positions = new Set<Seq>()
  /** Number of parked readings of each series. */
  #counts = new Map<number, number>()
  /** Sent again and not answered yet. */
  readonly #inFlight = new Set<Seq>()
  readonly #all: Statement<[number]>
  readonly #perSeries: Statement<[number]>

  constructor(database: Database, uplink: number) {
    this.#uplink = uplink
    this.#insert = database.prepare(
      `INSERT INTO parked (uplink, seq, series, ts, value, quality, reasons, received_at, parked_at, reason)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET parked_at = excluded.parked_at, reason = excluded.reason, replay = 0`,
    )
    this.#next = database
      .prepare(`SELECT ${LOG_COLUMNS} FROM parked WHERE uplink = ? AND replay = 1 AND seq > ? ORDER BY seq LIMIT 1`)
      .raw() as Statement<[number, number]>
    this.#all = database.prepare('SELECT seq FROM parked WHERE uplink = ?').pluck()
    this.#perSeries = database.prepare('SELECT series, count(*) FROM parked WHERE uplink = ? GROUP BY series').raw()
    const one = 'WHERE uplink = ? AND seq = ?'
    this.#statements = {
      series: database.prepare<[number, Seq]>(`SELECT series FROM parked ${one}`).pluck(),
      remove: database.prepare<[number, Seq]>(`DELETE FROM parked ${one}`),
      refuse: database.prepare<[number, string, number, Seq]>(
        `UPDATE parked SET parked_at = ?, reason = ?, replay = 0 ${one}`,
      ),
      replay: database.prepare<[number, Seq]>(`UPDATE parked SET replay = 1 ${one}`),
      seqOf: database.prepare<[number, number]>('SELECT seq FROM parked WHERE uplink = ? AND id = ?').pluck(),
    }
    this.reload()
  }

  get count(): number {
    return this.#positions.size
  }

  has(seq: Seq): boolean {
    return this.#positions.has(seq)
  }

  /** Whether one more reading of this series may be parked. */
  hasRoom(series: number): boolean {
    return this.count < PARKED_MAX && (this.#counts.get(series) ?? 0) < PARKED_PER_SERIES_MAX
  }

  /** Whether a reading of this range was sent again and is not answered yet. */
  isInFlight({ first, last }: SeqRange): boolean {
    for (const seq of this.#inFlight) if (first <= seq && seq <= last) return true
    return false
  }

  /** Reads the parked positions again: at the start, and after a failed transaction. */
  reload(): void {
    this.#positions = new Set(this.#all.all(this.#uplink) as Seq[])
    this.#counts = new Map(this.#perSeries.all(this.#uplink) as [number, number][])
  }

  park(row: RawLogRow, reason: string, at: number): void {
    const [seq, series, ts, value, quality, reasons, receivedAt, isBoolean] = row
    const bound = isBoolean === 1 ? BigInt(value as number) : value
    this.#insert.run(this.#uplink, seq, series, ts, bound, quality, reasons, receivedAt, at, reason)
    if (!this.#positions.has(seq)) addCount(this.#counts, series, 1)
    this.#positions.add(seq)
  }

  /** The next one that an operator wants to send again. */
  next(): RawLogRow | undefined {
    if (this.#positions.size === 0) return undefined
    for (let after = 0; ; ) {
      const row = this.#next.get(this.#uplink, after) as RawLogRow | undefined
      if (row === undefined || !this.#inFlight.has(row[0])) return row
      after = row[0]
    }
  }

  take(seq: Seq): void {
    this.#inFlight.add(seq)
  }

  releaseAll(): void {
    this.#inFlight.clear()
  }

  /** The receiver now has these positions. @returns the series of those that were in flight again. */
  confirm({ first, last }: SeqRange): number[] {
    const series: number[] = []
    for (const seq of this.#inFlight) {
      if (seq < first || seq > last) continue
      const one = this.#statements.series.get(this.#uplink, seq) as number
      series.push(one)
      this.#remove(seq, one)
    }
    return series
  }

  /** The reading was refused again. */
  refuse(seq: Seq, reason: string, at: number): void {
    this.#statements.refuse.run(at, reason, this.#uplink, seq)
    this.#inFlight.delete(seq)
  }

  /** Marks a reading to be sent again, by the id that is shown to operators; false: there is none. */
  replay(id: number): boolean {
    const seq = this.#statements.seqOf.get(this.#uplink, id) as Seq | undefined
    if (seq === undefined) return false
    this.#statements.replay.run(this.#uplink, seq)
    return true
  }

  /** Removes a reading. @returns its series, for the account. */
  drop(id: number): number | undefined {
    const seq = this.#statements.seqOf.get(this.#uplink, id) as Seq | undefined
    if (seq === undefined) return undefined
    const series = this.#statements.series.get(this.#uplink, seq) as number
    this.#remove(seq, series)
    return series
  }

  #remove(seq: Seq, series: number): void {
    this.#statements.remove.run(this.#uplink, seq)
    addCount(this.#counts, series, -1)
    this.#positions.delete(seq)
    this.#inFlight.delete(seq)
  }
}
