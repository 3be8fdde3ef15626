import { combine } from '../../base/flags.ts'
import type { LoopShare } from '../../base/loop/loop-share.ts'
import type { Quality, Seq, Value, Verdict } from '../../base/reading.ts'
import type { SeriesBlock } from '../../codec/batch.ts'
import { type EdgeLimits, tooManySeries } from '../edge-limits.ts'
import { type SqlitePlace, SqlitePlaces } from './places.ts'
import type { Bound, Prepare, Statement, TableColumn } from './schema.ts'

/** Series whose ids are held in memory; above it all are dropped and read again when they are needed. */
const SERIES_CACHED_MAX = 100_000

/**
 * Rows of one INSERT, at most; there is one statement for each number of rows. Binding a value in SQLite costs more
 * than storing it, so values that all rows share are bound once.
 */
const ROWS_AT_ONCE_MAX = 64
/**
 * What SQLite does if one of several rows fails. The caller rolls back in any case; without this clause, to be able
 * to undo one statement alone, SQLite copies each page that a statement with several rows touches.
 */
const OR_ROLLBACK = 'OR ROLLBACK'
const COLUMNS = 'series, ts, log, seq, value, quality, reasons, received_at'
/** Values that differ from row to row. */
const VARYING = 3
const ONE_OF_MANY = '(:series, ?, :log, ?, ?, :quality, :reasons, :receivedAt)'

const TRUE = 1n
const FALSE = 0n

/** A reading as it is stored. */
interface Row {
  readonly series: number
  readonly ts: number
  readonly value: Value
  readonly verdict: Verdict
}

/** A statement that inserts a fixed number of rows; `bound` holds its values and is reused. */
interface Insert {
  readonly insert: Statement
  readonly bound: Bound[]
}

/** The table of readings. A value keeps its type and every bit. */
export class SqliteReadingTable {
  readonly #series = new Map<string, number>()
  readonly places: SqlitePlaces
  readonly #prepare: Prepare
  /** By the number of rows; each is prepared when it is first needed. */
  readonly #inserts: Insert[] = []
  readonly #limits: EdgeLimits
  readonly #share: LoopShare
  readonly #statements

  constructor(prepare: Prepare, limits: EdgeLimits, share: LoopShare) {
    this.#prepare = prepare
    this.#limits = limits
    this.#share = share
    this.places = new SqlitePlaces(prepare, share)
    this.#statements = {
      findSeries: prepare('SELECT id FROM series WHERE device = ? AND metric = ? AND unit = ?'),
      createSeries: prepare('INSERT INTO series (device, metric, unit) VALUES (?, ?, ?) RETURNING id'),
      made: prepare('SELECT made FROM edge_series WHERE edge = ?'),
      make: prepare('INSERT OR REPLACE INTO edge_series (edge, made) VALUES (?, ?)'),
      isNamed: prepare('SELECT 1 FROM series WHERE id = ? AND device = ? AND metric = ?'),
      insert: prepare(`INSERT INTO reading (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
      find: prepare(
        `SELECT value, typeof(value) = 'integer', quality, reasons
         FROM reading WHERE series = ? AND ts = ? AND log = ? AND seq = ?`,
      ),
      judge: prepare('UPDATE reading SET quality = ?, reasons = ? WHERE series = ? AND ts = ? AND log = ? AND seq = ?'),
    }
  }

  /** After a failed transaction: series that it created do not exist. */
  forget(): void {
    this.#series.clear()
    this.places.forget()
  }

  /** The id of the block's series; undefined: nothing of it was ever stored. */
  findSeries({ device, metric, unit = '' }: SeriesBlock): number | undefined {
    const key = JSON.stringify([device, metric, unit])
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const row = this.#statements.findSeries.get(device, metric, unit)
    return row === undefined ? undefined : this.#remember(key, Number(row[0]))
  }

  /** The ids of the series of these blocks, or why those that are missing cannot be created. */
  async seriesOf(
    blocks: readonly SeriesBlock[],
    edge: string,
  ): Promise<readonly number[] | { readonly refusal: string }> {
    const found: (number | undefined)[] = []
    for (const block of blocks) {
      if (this.#share.isUsedUp) await this.#share.pause()
      found.push(this.findSeries(block))
    }
    const missing = found.reduce<number>((count, id) => count + Number(id === undefined), 0)
    if (missing === 0) return found as number[]
    const made = Number(this.#statements.made.get(edge)?.[0] ?? 0) + missing
    if (made > this.#limits.seriesPerEdgeMax) return { refusal: tooManySeries(this.#limits) }
    this.#statements.make.run(edge, made)
    const ids: number[] = []
    for (const [i, block] of blocks.entries()) {
      if (this.#share.isUsedUp) await this.#share.pause()
      ids.push(found[i] ?? this.findSeries(block) ?? this.#create(block)) // a batch may name a series twice
    }
    return ids
  }

  #create({ device, metric, unit = '' }: SeriesBlock): number {
    const row = this.#statements.createSeries.get(device, metric, unit)!
    return this.#remember(JSON.stringify([device, metric, unit]), Number(row[0]))
  }

  #remember(key: string, id: number): number {
    if (this.#series.size >= SERIES_CACHED_MAX) this.#series.clear()
    this.#series.set(key, id)
    return id
  }

  /**
   * Inserts the next readings of a block, none of which is stored yet: those that have the same verdict, ROWS_AT_ONCE_MAX
   * at most. @returns the index of the first that it did not insert
   */
  insertNext(log: number, series: number, block: SeriesBlock, from: number, receivedAt: number): number {
    const quality = block.quality[from]!
    const reasons = block.reasons[from]!
    const end = Math.min(from + ROWS_AT_ONCE_MAX, block.quality.length)
    let to = from + 1
    while (to < end && block.quality[to] === quality && block.reasons[to] === reasons) to++
    const { insert, bound } = this.#insertOf(to - from)
    for (let i = from, at = 0; i < to; i++) {
      bound[at++] = block.ts[i]!
      bound[at++] = block.seq[i]!
      bound[at++] = bindable(block.values[i]!)
    }
    insert.run({ series, log, quality, reasons, receivedAt }, ...bound)
    return to
  }

  #insertOf(rows: number): Insert {
    const known = this.#inserts[rows]
    if (known !== undefined) return known
    const places = Array(rows).fill(ONE_OF_MANY).join(', ')
    const insert = this.#prepare(`INSERT ${OR_ROLLBACK} INTO reading (${COLUMNS}) VALUES ${places}`)
    this.#inserts[rows] = { insert, bound: new Array<Bound>(rows * VARYING) }
    return this.#inserts[rows]
  }

  insert(position: { log: number; seq: Seq }, row: Row, receivedAt: number): void {
    const { series, ts, value, verdict } = row
    const { log, seq } = position
    const { quality, reasons } = verdict
    this.#statements.insert.run(series, ts, log, seq, bindable(value), quality, reasons, receivedAt)
  }

  async find(log: number, seq: Seq): Promise<Row | undefined> {
    const place = await this.places.find(log, seq)
    return place && this.at(log, seq, place)
  }

  /** The reading of this position if it is there; a repeat is usually where the original is. */
  at(log: number, seq: Seq, { series, ts }: SqlitePlace): Row | undefined {
    const row = this.#statements.find.get(series, ts, log, seq)
    if (row === undefined) return undefined
    const [value, isBoolean, quality, reasons] = row
    return {
      series,
      ts,
      value: isBoolean === 1 ? value === 1 : (value as TableColumn),
      verdict: { quality: Number(quality) as Quality, reasons: Number(reasons) },
    }
  }

  /** Whether other readings are stored under these positions: another device, metric, time, or value in any bit. */
  async contradicts(log: number, block: SeriesBlock, isRepeat: (seq: Seq) => boolean): Promise<boolean> {
    const series = this.findSeries(block)
    for (const [i, seq] of block.seq.entries()) {
      if (this.#share.isUsedUp) await this.#share.pause()
      if (!isRepeat(seq)) continue
      const ts = block.ts[i]!
      const row = (series !== undefined && this.at(log, seq, { series, ts })) || (await this.find(log, seq))
      if (row === undefined) continue // it was deleted since
      if (row.ts !== ts || !isSame(row.value, block.values[i]!)) return true
      if (row.series !== series && !this.#isNamed(row.series, block)) return true
    }
    return false
  }

  /** The unit is not part of a reading's identity. */
  #isNamed(series: number, { device, metric }: SeriesBlock): boolean {
    return this.#statements.isNamed.get(series, device, metric) !== undefined
  }

  /** Merges a verdict with the one of the stored row, which never gets better. */
  merge(position: { log: number; seq: Seq }, stored: Row, more: Verdict): void {
    const { quality, reasons } = combine(stored.verdict, more)
    if (quality === stored.verdict.quality && reasons === stored.verdict.reasons) return
    this.#statements.judge.run(quality, reasons, stored.series, stored.ts, position.log, position.seq)
  }
}

/** A boolean is stored as SQLite's INTEGER, which distinguishes it from a number. */
function bindable(value: Value): Exclude<Value, boolean> | bigint {
  return typeof value === 'boolean' ? (value ? TRUE : FALSE) : value
}

function isSame(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return Object.is(a, b)
}
