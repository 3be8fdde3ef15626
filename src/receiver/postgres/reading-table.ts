import { combine } from '../../base/flags.ts'
import type { Amendment, Quality, Seq, Value, Verdict } from '../../base/reading.ts'
import type { SeriesBlock } from '../../codec/batch.ts'
import type { Connection } from './connection.ts'
import { arrayOf, timestamp } from './literals.ts'
import { COPIED_COLUMNS, type RowBuffer } from './row-buffer.ts'

/**
 * Most readings whose verdict changes have arrived within this time: their partitions are searched first
 * (milliseconds).
 */
const LATELY_MS = 40 * 24 * 3_600_000

/** A reading as it is stored. */
export interface FoundRow {
  readonly series: number
  readonly ts: number
  readonly value: Value
  readonly verdict: Verdict
}

/** A time span, both ends included (UTC milliseconds). */
export interface TimeSpan {
  readonly from: number
  readonly to: number
}

/** A verdict for a stored row. */
export interface Judgement extends Amendment {
  readonly row: FoundRow
}

type Columns = [Seq, number, number, number | null, boolean | null, string | null, Buffer | null, Quality, number]

/** Quoted table names. */
export interface ReadingTables {
  readonly reading: string
  readonly series: string
}

/** The table of readings within one transaction. A value keeps its type and every bit. */
export class PostgresReadingTable {
  readonly #connection: Connection
  readonly #tables: ReadingTables

  constructor(connection: Connection, tables: ReadingTables) {
    this.#connection = connection
    this.#tables = tables
  }

  async insert(rows: RowBuffer): Promise<void> {
    if (rows.rows === 0) return
    await this.#connection.copy(
      `COPY ${this.#tables.reading} (${COPIED_COLUMNS}) FROM STDIN (FORMAT binary)`,
      rows.take(),
    )
  }

  /**
   * The stored readings of these positions: searches the partitions of that time first, then all others for the
   * missing ones.
   */
  async find(log: number, seqs: readonly Seq[], { from, to }: TimeSpan): Promise<Map<Seq, FoundRow>> {
    const near = `ts BETWEEN '${timestamp(from)}' AND '${timestamp(to)}'`
    const found = await this.#select(log, seqs, near)
    const missing = seqs.filter((seq) => !found.has(seq))
    if (missing.length === 0) return found
    return new Map([...found, ...(await this.#select(log, missing, `NOT (${near})`))])
  }

  /** The same for positions whose times are not known. */
  findLately(log: number, seqs: readonly Seq[], now: number): Promise<Map<Seq, FoundRow>> {
    return this.find(log, seqs, { from: now - LATELY_MS, to: now })
  }

  async #select(log: number, seqs: readonly Seq[], when: string): Promise<Map<Seq, FoundRow>> {
    const rows = await this.#connection.rows<Columns>(
      `SELECT seq, series, (extract(epoch FROM ts) * 1000)::bigint, value, value_boolean, value_text, value_bytes, quality,
         reasons
       FROM ${this.#tables.reading} WHERE log = $1 AND seq = ANY ($2::bigint[]) AND ${when}`,
      [log, arrayOf(seqs)],
    )
    return new Map(
      rows.map(([seq, series, ts, number, boolean, text, bytes, quality, reasons]) => {
        const exact = text === null || bytes === null ? text : bytes.toString()
        return [seq, { series, ts, value: number ?? boolean ?? exact ?? bytes, verdict: { quality, reasons } }]
      }),
    )
  }

  /** Whether another reading is stored under a position: another device, metric, time, or value in any bit. */
  async contradicts(rows: ReadonlyMap<Seq, FoundRow>, block: SeriesBlock, series: number): Promise<boolean> {
    const others = new Set<number>()
    for (const [i, seq] of block.seq.entries()) {
      const row = rows.get(seq)
      if (row === undefined) continue // new, or deleted since
      if (row.ts !== block.ts[i] || !isSame(row.value, block.values[i]!)) return true
      if (row.series !== series) others.add(row.series)
    }
    if (others.size === 0) return false
    // The unit is not part of a reading's identity.
    const named = await this.#connection.rows(
      `SELECT id FROM ${this.#tables.series} WHERE id = ANY ($1::integer[]) AND device = $2 AND metric = $3`,
      [arrayOf(others), block.device, block.metric],
    )
    return named.length < others.size
  }

  /** Merges verdicts with those of stored rows, which never get better. */
  async merge(log: number, judgements: readonly Judgement[]): Promise<void> {
    const merged = new Map<Seq, Judgement>()
    for (const { seq, row, ...more } of judgements) {
      const before = merged.get(seq) ?? row.verdict
      const { quality, reasons } = combine(before, more)
      if (quality !== row.verdict.quality || reasons !== row.verdict.reasons)
        merged.set(seq, { seq, quality, reasons, row })
    }
    const changed = [...merged.values()]
    if (changed.length === 0) return
    const times = changed.map(({ row }) => row.ts)
    const [from, to] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))]
    await this.#connection.rows(
      `UPDATE ${this.#tables.reading} AS r SET quality = u.quality, reasons = u.reasons
       FROM unnest($2::bigint[], $3::timestamptz[], $4::smallint[], $5::bigint[]) AS u (seq, ts, quality, reasons)
       WHERE r.log = $1 AND r.seq = u.seq AND r.ts = u.ts AND r.ts BETWEEN '${timestamp(from)}' AND '${timestamp(to)}'`,
      [
        log,
        arrayOf(changed.map(({ seq }) => seq)),
        arrayOf(times.map(timestamp)),
        arrayOf(changed.map(({ quality }) => quality)),
        arrayOf(changed.map(({ reasons }) => reasons)),
      ],
    )
  }
}

function isSame(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return Object.is(a, b)
}
