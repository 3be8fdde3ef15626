import type { Database, Statement } from 'better-sqlite3'
import { Reason, worse } from '../base/flags.ts'
import type { Quality, Seq, Value, Verdict } from '../base/reading.ts'
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
  #add: Statement<[Seq, number, number, RawLogRow[3] | bigint, Quality, number]> | undefined
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

  /** The readings with this series and time up to `lastSeq`, within the window. All rows up to it must be flushed. */
  stored(series: number, ts: number, lastSeq: Seq): StoredReadings {
    this.#index(lastSeq)
    this.#usedAt = performance.now()
    const readings = new StoredReadings()
    const rows = this.#find!.all(series, ts, EQUAL_TIMES_MAX) as [Value, 0 | 1, Quality, number][]
    for (const [value, isBoolean, quality, reasons] of rows) {
      readings.add(isBoolean === 1 ? value === 1 : value, { quality, reasons })
    }
    return readings
  }

  #index(lastSeq: Seq): void {
    if (this.#indexed === undefined || lastSeq - this.#from > 2 * this.#window) {
      this.#database.exec(`
        DROP TABLE IF EXISTS temp.recent;
        CREATE TEMP TABLE recent (series INTEGER, ts INTEGER, seq INTEGER, value ANY, quality INTEGER,
          reasons INTEGER, PRIMARY KEY (series, ts, seq)) STRICT, WITHOUT ROWID`)
      const columns = 'seq, series, ts, value, quality, reasons'
      this.#add = this.#database.prepare(`INSERT INTO temp.recent (${columns}) VALUES (?, ?, ?, ?, ?, ?)`)
      this.#catchUp = this.#database.prepare(
        `INSERT INTO temp.recent (${columns}) SELECT ${columns} FROM log WHERE seq > ? AND seq <= ?`,
      )
      this.#find = this.#database
        .prepare(`SELECT value, typeof(value) = 'integer', quality, reasons FROM temp.recent WHERE series = ? AND ts = ?
          ORDER BY seq DESC LIMIT ?`)
        .raw() as Statement<[number, number, number]>
      this.#from = Math.max(0, lastSeq - this.#window)
      this.#indexed = this.#from
    }
    if (this.#indexed < lastSeq) {
      for (const [seq, series, ts, value, quality, reasons, , isBoolean] of this.#sealedFrom(this.#indexed + 1)) {
        if (seq > lastSeq) break
        this.#add!.run(seq, series, ts, isBoolean === 1 ? BigInt(value as number) : value, quality, reasons)
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

/** Qualities from the best to the worst; 9 is that of a reading without a value. */
const RANKED: readonly Quality[] = [9, 2, 1, 3, 4]
/** The judge lowers no quality without one of these reasons. A device may give them as well. */
const LOWERING =
  Reason.MISSING |
  Reason.TYPE |
  (Reason.RANGE_LO | Reason.RANGE_HI | Reason.WARN_LO | Reason.WARN_HI) |
  (Reason.SPIKE | Reason.RATE | Reason.FLAT | Reason.ATTENUATED | Reason.ANOMALY) |
  (Reason.TIME_FUTURE | Reason.TIME_STALE | Reason.TIME_BACKWARD | Reason.CLOCK_UNSYNCED)

/** How often readings of one value are stored: by their claim, and by their quality if the judge may have lowered it. */
interface Counts {
  readonly claimed: number[]
  readonly lowered: number[]
}

/**
 * Readings of one series and time that were stored before a message. One of them is a repeat of another if its value is
 * the same, and the claim may be the same: many devices send the old value with the old time and a bad quality when
 * their source fails, and that is a new reading. The stored quality may be worse than the claim was.
 */
export class StoredReadings {
  readonly #counts = new Map<string, Counts>()

  add(value: Value, { quality, reasons }: Verdict): void {
    const key = valueKey(value)
    let counts = this.#counts.get(key)
    if (counts === undefined) {
      counts = { claimed: [0, 0, 0, 0, 0], lowered: [0, 0, 0, 0, 0] }
      this.#counts.set(key, counts)
    }
    const { claimed, lowered } = counts
    const byQuality = (reasons & LOWERING) === 0 ? claimed : lowered
    byQuality[RANKED.indexOf(quality)]!++
  }

  /**
   * Takes away one reading that this one repeats; false: there is none.
   * @param claim undefined: none, so the reading is good
   */
  take(value: Value, claim: Verdict | undefined): boolean {
    const counts = this.#counts.get(valueKey(value))
    if (counts === undefined) return false
    // The judge gives every reading without a value the quality 9.
    if (value === null) return this.takeValue(value)
    const rank = RANKED.indexOf(worse(claim?.quality ?? 1, 1))
    if (takeOne(counts.claimed, rank, rank)) return true
    // The least lowered one: the others may be repeated with a worse claim.
    return takeOne(counts.lowered, rank, RANKED.length - 1)
  }

  /** Takes away one reading with this value, whatever its quality is; false: there is none. */
  takeValue(value: Value): boolean {
    const counts = this.#counts.get(valueKey(value))
    if (counts === undefined) return false
    return takeOne(counts.claimed, 0, RANKED.length - 1) || takeOne(counts.lowered, 0, RANKED.length - 1)
  }
}

function takeOne(counts: number[], from: number, to: number): boolean {
  for (let rank = from; rank <= to; rank++) {
    if (counts[rank]! === 0) continue
    counts[rank]!--
    return true
  }
  return false
}

/** A text that is the same for equal values only. */
function valueKey(value: Value): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  return Object.is(value, -0) ? 'number -0' : `${typeof value} ${value}`
}
