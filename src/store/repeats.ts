import type { Database, Statement } from 'better-sqlite3'
import type { Seq, Value } from '../base/reading.ts'
import type { RawLogRow } from './log.ts'

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
  #find: Statement<[number, number]> | undefined
  #add: Statement<[Seq, number, number, RawLogRow[3] | bigint]> | undefined
  #catchUp: Statement<[Seq]> | undefined

  /** @param sealedFrom returns the readings from a position on that are not in the log any more, ascending. */
  constructor(database: Database, window: number, sealedFrom: (first: Seq) => Iterable<RawLogRow>) {
    this.#database = database
    this.#window = window
    this.#sealedFrom = sealedFrom
  }

  /** Whether exactly this reading is stored, within the window. All rows up to `lastSeq` must be flushed. */
  has(series: number, ts: number, value: Value, lastSeq: Seq): boolean {
    this.#index(lastSeq)
    this.#usedAt = performance.now()
    for (const [stored, isBoolean] of this.#find!.all(series, ts) as [Value, 0 | 1][]) {
      if (same(isBoolean === 1 ? stored === 1 : stored, value)) return true
    }
    return false
  }

  #index(lastSeq: Seq): void {
    if (this.#indexed === undefined || lastSeq - this.#from > 2 * this.#window) {
      this.#database.exec(`
        DROP TABLE IF EXISTS temp.recent;
        CREATE TEMP TABLE recent (series INTEGER, ts INTEGER, seq INTEGER, value ANY, PRIMARY KEY (series, ts, seq))
          STRICT, WITHOUT ROWID`)
      this.#add = this.#database.prepare('INSERT INTO temp.recent (seq, series, ts, value) VALUES (?, ?, ?, ?)')
      this.#catchUp = this.#database.prepare(
        'INSERT INTO temp.recent (seq, series, ts, value) SELECT seq, series, ts, value FROM log WHERE seq > ?',
      )
      this.#find = this.#database
        .prepare(`SELECT value, typeof(value) = 'integer' FROM temp.recent WHERE series = ? AND ts = ?`)
        .raw() as Statement<[number, number]>
      this.#from = Math.max(0, lastSeq - this.#window)
      this.#indexed = this.#from
    }
    if (this.#indexed < lastSeq) {
      for (const [seq, series, ts, value, , , , isBoolean] of this.#sealedFrom(this.#indexed + 1)) {
        this.#add!.run(seq, series, ts, isBoolean === 1 ? BigInt(value as number) : value)
        this.#indexed = seq
      }
      this.#catchUp!.run(this.#indexed)
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

function same(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return Object.is(a, b)
}
