import type { Database, Statement } from 'better-sqlite3'
import type { Seq, Value } from '../base/reading.ts'
import type { RawLogRow } from './log.ts'

/**
 * At most this many of the newest readings with equal series and time are compared; two messages can hold no more. A
 * repeat of an older one is stored again.
 */
const EQUAL_TIMES_MAX = 20_000

/**
 * Finds readings that are already stored, for a publish that a device repeats because it never got the acknowledgement.
 *
 * The log has no index by (series, ts), because such an index would write thirty times as much to the flash. Instead,
 * the latest `window` readings (at most twice as many) are indexed in memory, from the first repeated publish on, and
 * the index is brought up to date before each query. A repeat of an older reading is stored again (docs/guarantees.md).
 */
export class Repeats {
  readonly #database: Database
  readonly #window: number
  readonly #sealedFrom: (first: Seq) => Iterable<RawLogRow>
  #from: Seq = 0
  #indexed: Seq | undefined
  #usedAt = 0
  #find: Statement<[number, number, number]> | undefined
  #add: Statement<[Seq, number, number, RawLogRow[3] | bigint]> | undefined
  #catchUp: Statement<[Seq, Seq]> | undefined

  /** @param sealedFrom returns the readings from a position on that are not in the log any more, ascending. */
  constructor(database: Database, window: number, sealedFrom: (first: Seq) => Iterable<RawLogRow>) {
    this.#database = database
    this.#window = window
    this.#sealedFrom = sealedFrom
  }

  /** Whether all readings from this position on are in the window. */
  covers(from: Seq, lastSeq: Seq): boolean {
    return from > lastSeq - this.#window
  }

  /** Whether exactly this reading is stored, within the window. All rows up to `lastSeq` must be flushed. */
  has(series: number, ts: number, value: Value, lastSeq: Seq): boolean {
    return this.stored(series, ts, lastSeq).has(valueKey(value))
  }

  /**
   * How often each value is stored with this series and time up to `lastSeq`, within the window, by `valueKey`. All rows
   * up to `lastSeq` must be flushed.
   */
  stored(series: number, ts: number, lastSeq: Seq): Map<string, number> {
    this.#index(lastSeq)
    this.#usedAt = performance.now()
    const counts = new Map<string, number>()
    for (const [stored, isBoolean] of this.#find!.all(series, ts, EQUAL_TIMES_MAX) as [Value, 0 | 1][]) {
      const key = valueKey(isBoolean === 1 ? stored === 1 : stored)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }

  #index(lastSeq: Seq): void {
    if (this.#indexed === undefined || lastSeq - this.#from > 2 * this.#window) {
      this.#database.exec(`
        DROP TABLE IF EXISTS temp.recent;
        CREATE TEMP TABLE recent (series INTEGER, ts INTEGER, seq INTEGER, value ANY, PRIMARY KEY (series, ts, seq))
          STRICT, WITHOUT ROWID`)
      this.#add = this.#database.prepare('INSERT INTO temp.recent (seq, series, ts, value) VALUES (?, ?, ?, ?)')
      this.#catchUp = this.#database.prepare(
        'INSERT INTO temp.recent (seq, series, ts, value) SELECT seq, series, ts, value FROM log WHERE seq > ? AND seq <= ?',
      )
      this.#find = this.#database
        .prepare(`SELECT value, typeof(value) = 'integer' FROM temp.recent WHERE series = ? AND ts = ?
          ORDER BY seq DESC LIMIT ?`)
        .raw() as Statement<[number, number, number]>
      this.#from = Math.max(0, lastSeq - this.#window)
      this.#indexed = this.#from
    }
    if (this.#indexed < lastSeq) {
      for (const [seq, series, ts, value, , , , isBoolean] of this.#sealedFrom(this.#indexed + 1)) {
        if (seq > lastSeq) break
        this.#add!.run(seq, series, ts, isBoolean === 1 ? BigInt(value as number) : value)
        this.#indexed = seq
      }
      this.#catchUp!.run(this.#indexed, lastSeq)
      this.#indexed = lastSeq
    }
  }

  forgetIfIdle(idleMs: number): void {
    if (performance.now() - this.#usedAt >= idleMs) this.forget()
  }

  /** Discards the index: after a rolled back transaction, and when no publish was repeated for a while. */
  forget(): void {
    if (this.#indexed === undefined) return
    this.#indexed = undefined
    this.#database.exec('DROP TABLE IF EXISTS temp.recent')
  }
}

/** A text that is the same for equal values only. */
export function valueKey(value: Value): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  return Object.is(value, -0) ? 'number -0' : `${typeof value} ${value}`
}
