import type { Database, Statement } from 'better-sqlite3'
import type { Seq, Value } from '../../base/reading.ts'
import { type RawLogRow, rowValue } from '../log.ts'
import {
  digest,
  KEY_OF_VALUE,
  KIND_OF_VALUE,
  keyOf,
  StoredReadings,
  VERDICT_KEY,
  verdictKey,
} from './stored-readings.ts'

/** Readings that are indexed in one go: the clock is read after each such page. */
const PAGE_ROWS = 4_096

type Key = [series: number, ts: number, kind: number, key: number | bigint | string | Buffer]

/** The readings of a stretch of the log, counted by series, time, value and verdict. */
class Generation {
  readonly #table: string
  readonly #add: Statement<[...Key, number]>
  readonly #addFromLog: Statement<[Seq, Seq]>
  readonly #find: Statement<Key>
  /** The stretch: positions above `from`, up to `upTo`. */
  from: Seq = 0
  upTo: Seq = 0

  constructor(database: Database, name: string) {
    this.#table = `temp.${name}`
    database.exec(`DROP TABLE IF EXISTS ${this.#table};
      CREATE TEMP TABLE ${name} (series INTEGER, ts INTEGER, kind INTEGER, value ANY, verdict INTEGER, count INTEGER,
        PRIMARY KEY (series, ts, kind, value, verdict)) STRICT, WITHOUT ROWID`)
    const insert = `INSERT INTO ${this.#table} (series, ts, kind, value, verdict, count)`
    const again = 'ON CONFLICT DO UPDATE SET count = count + 1'
    this.#add = database.prepare(`${insert} VALUES (?, ?, ?, ?, ?, 1) ${again}`)
    this.#addFromLog =
      database.prepare(`${insert} SELECT series, ts, ${KIND_OF_VALUE}, ${KEY_OF_VALUE}, ${VERDICT_KEY}, 1
      FROM log WHERE seq > ? AND seq <= ? ${again}`)
    const found = `SELECT verdict, count FROM ${this.#table} WHERE series = ? AND ts = ? AND kind = ? AND value = ?`
    this.#find = database.prepare<Key>(found).raw() as Statement<Key>
  }

  begin(database: Database, from: Seq): void {
    database.exec(`DELETE FROM ${this.#table}`)
    this.from = from
    this.upTo = from
  }

  addRow(row: RawLogRow): void {
    const { kind, key } = keyOf(rowValue(row))
    this.#add.run(row[1], row[2], kind, key, verdictKey({ quality: row[4], reasons: row[5] }))
    this.upTo = row[0]
  }

  /** Adds the readings in the log up to a position; there are none in blocks. */
  addFromLog(upTo: Seq): void {
    this.#addFromLog.run(this.upTo, upTo)
    this.upTo = upTo
  }

  addTo(found: StoredReadings, key: Key): void {
    for (const [verdict, count] of this.#find.all(...key) as unknown as [number, number][]) found.add(verdict, count)
  }
}

/**
 * Finds readings that are already stored, for a publish that a device repeats because it never got the acknowledgement.
 *
 * The log has no index by (series, ts), because such an index would write thirty times as much to the flash. Instead,
 * the latest `window` readings (at most twice as many) are indexed in memory, from the first repeated publish on. The
 * index is built in slices (`prepare`), and brought up to date before each query. It has two generations: when the newer
 * one has `window` readings, the older one is dropped. A repeat of an older reading is stored again
 * (docs/guarantees.md).
 */
export class Repeats {
  readonly #database: Database
  readonly #window: number
  readonly #sealedFrom: (first: Seq) => Iterable<RawLogRow>
  #newer: Generation | undefined
  #older: Generation | undefined
  #usedAt = 0

  /** @param sealedFrom returns the readings from a position on that are not in the log any more, ascending. */
  constructor(database: Database, window: number, sealedFrom: (first: Seq) => Iterable<RawLogRow>) {
    this.#database = database
    this.#window = window
    this.#sealedFrom = sealedFrom
    database.function('value_digest', { deterministic: true }, (value) => digest(value as string | Uint8Array))
  }

  /** Whether all readings from this position on are in the window. */
  covers(from: Seq, lastSeq: Seq): boolean {
    return from > lastSeq - this.#window
  }

  /** Whether a query up to this position takes no longer than others. */
  isReady(lastSeq: Seq): boolean {
    return this.#newer !== undefined && lastSeq - this.#newer.upTo <= PAGE_ROWS
  }

  /**
   * Brings the index up to date for at most this long (ms). All rows up to `lastSeq` must be flushed.
   * @returns whether it is ready
   */
  prepare(lastSeq: Seq, ms: number): boolean {
    const end = performance.now() + ms
    this.#usedAt = performance.now()
    while (!this.isReady(lastSeq)) {
      this.#addPage(lastSeq)
      if (performance.now() >= end) break
    }
    return this.isReady(lastSeq)
  }

  /** The readings with this series, time and value up to `lastSeq`, within the window. All rows must be flushed. */
  stored({ series, ts, value }: { series: number; ts: number; value: Value }, lastSeq: Seq): StoredReadings {
    while (this.#newer === undefined || this.#newer.upTo < lastSeq) this.#addPage(lastSeq)
    this.#usedAt = performance.now()
    const readings = new StoredReadings()
    const { kind, key } = keyOf(value)
    this.#newer.addTo(readings, [series, ts, kind, key])
    this.#older?.addTo(readings, [series, ts, kind, key])
    return readings
  }

  #addPage(lastSeq: Seq): void {
    const from = Math.max(0, lastSeq - this.#window)
    if (this.#newer !== undefined && this.#newer.upTo < from) this.forget()
    if (this.#newer === undefined) {
      this.#newer = new Generation(this.#database, 'recent_a')
      this.#newer.begin(this.#database, from)
    } else if (this.#newer.upTo - this.#newer.from >= this.#window) {
      const next = this.#older ?? new Generation(this.#database, 'recent_b')
      this.#older = this.#newer
      this.#newer = next
      next.begin(this.#database, this.#older.upTo)
    }
    this.#addRows(this.#newer, Math.min(lastSeq, this.#newer.upTo + PAGE_ROWS))
  }

  #addRows(generation: Generation, upTo: Seq): void {
    for (const row of this.#sealedFrom(generation.upTo + 1)) {
      if (row[0] > upTo) break
      generation.addRow(row)
    }
    generation.addFromLog(upTo)
  }

  forgetIfIdle(idleMs: number): void {
    if (performance.now() - this.#usedAt >= idleMs) this.forget()
  }

  /** Discards the index: after a rolled back transaction, and when no publish was repeated for a while. */
  forget(): void {
    if (this.#newer === undefined) return
    this.#newer = undefined
    this.#older = undefined
    this.#database.exec('DROP TABLE IF EXISTS temp.recent_a; DROP TABLE IF EXISTS temp.recent_b')
  }
}
