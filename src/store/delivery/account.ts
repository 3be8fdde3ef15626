import type { Database, Statement } from 'better-sqlite3'
import type { SeqRange } from '../../base/reading.ts'

/**
 * The state of one uplink on the disk: its settled positions and its counters. All methods that write run in their
 * owner's transaction.
 */
export class DeliveryAccount {
  readonly #uplink: number
  readonly #database: Database
  readonly #deviceOf: Statement<[number]>
  readonly #addConfirmed: Statement<[number, number, number]>
  readonly #addDropped: Statement<[number, number, number]>
  readonly #confirmedCount: Statement<[number]>
  readonly #cover: Statement<[number, number, number]>
  readonly #extend: Statement<[number, number, number]>

  constructor(database: Database, uplink: number) {
    this.#database = database
    this.#uplink = uplink
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
    this.#cover = database.prepare('DELETE FROM confirmed WHERE uplink = ? AND first BETWEEN ? AND ?')
    this.#extend = database.prepare('INSERT INTO confirmed (uplink, first, last) VALUES (?, ?, ?)')
  }

  /** Number of readings that are confirmed. */
  get confirmed(): number {
    return this.#confirmedCount.get(this.#uplink) as number
  }

  settled(): SeqRange[] {
    return this.#database.prepare('SELECT first, last FROM confirmed WHERE uplink = ?').all(this.#uplink) as SeqRange[]
  }

  /** Writes an interval in place of all intervals inside it. */
  settle({ first, last }: SeqRange): void {
    this.#cover.run(this.#uplink, first, last)
    this.#extend.run(this.#uplink, first, last)
  }

  deviceOf(series: number): number {
    return this.#deviceOf.get(series) as number
  }

  /** @returns the number of readings added. */
  addConfirmed(bySeries: ReadonlyMap<number, number>): number {
    const byDevice = new Map<number, number>()
    let count = 0
    for (const [series, n] of bySeries) {
      const device = this.deviceOf(series)
      byDevice.set(device, (byDevice.get(device) ?? 0) + n)
      count += n
    }
    for (const [device, n] of byDevice) this.#addConfirmed.run(this.#uplink, device, n)
    return count
  }

  /** Counts readings of a device that are never going to be confirmed. */
  addDropped(device: number, count: number): void {
    this.#addDropped.run(this.#uplink, device, count)
  }

  /**
   * Corrects the dropped counter: of the `gone` readings of a device that do not wait any more, those that are neither
   * confirmed nor parked are dropped.
   */
  rebalance(device: number, gone: number): void {
    this.addDropped(device, 0)
    const parked = `SELECT count(*) FROM parked JOIN series ON series.id = parked.series
      WHERE uplink = @uplink AND device = @device`
    const sql = `UPDATE confirmed_counts SET dropped = @gone - confirmed - (${parked})
      WHERE uplink = @uplink AND device = @device`
    this.#database.prepare(sql).run({ uplink: this.#uplink, device, gone })
  }
}
