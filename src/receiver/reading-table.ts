import { combine } from '../base/flags.ts'
import type { Quality, Seq, Value, Verdict } from '../base/reading.ts'
import type { SeriesBlock } from '../codec/batch.ts'
import type { Column, Prepare } from './sink-schema.ts'

/** Series whose ids are held in memory; above it all are dropped and read again when they are needed. */
const SERIES_CACHED_MAX = 100_000

const TRUE = 1n
const FALSE = 0n

/** A reading as it is stored. */
interface Row {
  readonly series: number
  readonly ts: number
  readonly value: Value
  readonly verdict: Verdict
}

/** The table of readings. A value keeps its type and every bit. */
export class ReadingTable {
  readonly #series = new Map<string, number>()
  readonly #statements

  constructor(prepare: Prepare) {
    this.#statements = {
      findSeries: prepare('SELECT id FROM series WHERE device = ? AND metric = ? AND unit = ?'),
      createSeries: prepare('INSERT INTO series (device, metric, unit) VALUES (?, ?, ?) RETURNING id'),
      isNamed: prepare('SELECT 1 FROM series WHERE id = ? AND device = ? AND metric = ?'),
      insert: prepare(
        `INSERT INTO reading (series, ts, log, seq, value, quality, reasons, received_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      find: prepare(
        `SELECT series, ts, value, typeof(value) = 'integer', quality, reasons
         FROM reading WHERE log = ? AND seq = ?`,
      ),
      judge: prepare('UPDATE reading SET quality = ?, reasons = ? WHERE log = ? AND seq = ?'),
    }
  }

  /** After a failed transaction: series that it made do not exist. */
  forget(): void {
    this.#series.clear()
  }

  seriesId({ device, metric, unit = '' }: SeriesBlock): number {
    const key = JSON.stringify([device, metric, unit])
    let id = this.#series.get(key)
    if (id === undefined) {
      const { findSeries, createSeries } = this.#statements
      id = Number((findSeries.get(device, metric, unit) ?? createSeries.get(device, metric, unit)!)[0])
      if (this.#series.size >= SERIES_CACHED_MAX) this.#series.clear()
      this.#series.set(key, id)
    }
    return id
  }

  insert(position: { log: number; seq: Seq }, row: Row, receivedAt: number): void {
    const { value, verdict } = row
    const bound = typeof value === 'boolean' ? (value ? TRUE : FALSE) : value
    const { log, seq } = position
    this.#statements.insert.run(row.series, row.ts, log, seq, bound, verdict.quality, verdict.reasons, receivedAt)
  }

  find(log: number, seq: Seq): Row | undefined {
    const row = this.#statements.find.get(log, seq)
    if (row === undefined) return undefined
    const [series, ts, value, isBoolean, quality, reasons] = row
    return {
      series: Number(series),
      ts: Number(ts),
      value: isBoolean === 1 ? value === 1 : (value as Column),
      verdict: { quality: Number(quality) as Quality, reasons: Number(reasons) },
    }
  }

  /** Whether the stored row is this reading: device, metric, time, and value with its type and every bit. */
  isSame(row: Row, block: SeriesBlock, i: number): boolean {
    if (row.ts !== block.ts[i] || !sameValue(row.value, block.values[i]!)) return false
    const { device, metric } = block
    return row.series === this.seriesId(block) || this.#statements.isNamed.get(row.series, device, metric) !== undefined
  }

  /** Merges a verdict with the one of the stored row, which gets never better. */
  merge(position: { log: number; seq: Seq }, stored: Verdict, more: Verdict): void {
    const { quality, reasons } = combine(stored, more)
    if (quality === stored.quality && reasons === stored.reasons) return
    this.#statements.judge.run(quality, reasons, position.log, position.seq)
  }
}

function sameValue(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return Object.is(a, b)
}
