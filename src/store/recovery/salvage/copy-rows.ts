import type { Database, Statement } from 'better-sqlite3'
import { combine } from '../../../base/flags.ts'
import type { Quality, Seq } from '../../../base/reading.ts'
import { unpackBlock } from '../../../codec/block.ts'
import { COUNTERS } from '../../ledger.ts'
import { blockRow } from '../../sealed/block-row.ts'
import { BLOCK_READINGS_MAX, BlockTable, seriesOf } from '../../sealed/blocks.ts'
import type { Seal } from '../../sealed/seals.ts'
import type { Row } from './btree-page.ts'
import type { DatabaseReader } from './database-reader.ts'
import type { Field } from './record.ts'
import { shapesOf, type TableShape, valuesOf } from './table-shapes.ts'

const UNPACKED_BYTES_MAX = 2 ** 30
const QUALITIES: ReadonlySet<number> = new Set([1, 2, 3, 4, 9])

type Named = Readonly<Record<string, Field | undefined>>

export interface CopyOptions {
  /** Bytes that blocks may take on the disk. */
  readonly roomBytes: number
}

/**
 * Copies rows from a damaged database into a new one. Rows that a tree leads to come first: of several versions of a
 * row the first one is kept, unless it is known which one is newer.
 */
export class Copying {
  readonly #databaseReader: DatabaseReader
  readonly #database: Database
  readonly #shapes: ReadonlyMap<string, TableShape>

  constructor(databaseReader: DatabaseReader, database: Database) {
    this.#databaseReader = databaseReader
    this.#database = database
    this.#shapes = new Map(shapesOf(database).map((shape) => [shape.name, shape]))
  }

  /** Names of the new database's tables. */
  get tables(): string[] {
    return [...this.#shapes.keys()].filter((name) => !name.startsWith('sqlite_'))
  }

  /** Copies a table unchanged. @returns the number of rows that it has now. */
  copy(table: string): number {
    for (const row of this.#databaseReader.rows(table)) this.#insert(table, row)
    return this.#count(table)
  }

  /** All rows of a table, with values by column name. */
  *named(table: string): Generator<Named> {
    for (const row of this.#databaseReader.rows(table)) yield this.#name(table, row)
  }

  #name(table: string, row: Row): Named {
    const shape = this.#shapes.get(table)!
    const values = valuesOf(shape, row)
    return Object.fromEntries(shape.columns.map(({ name }, i) => [name, values[i]]))
  }

  /** Copies devices. Counters only ever increase, so of two versions the higher number is the newer one. */
  copyDevices(): number {
    const raise = this.#database.prepare(
      `UPDATE devices SET ${COUNTERS.map((one) => `${one} = max(${one}, ?)`).join(', ')} WHERE id = ?`,
    )
    for (const row of this.#databaseReader.rows('devices')) {
      this.#insert('devices', row)
      const named = this.#name('devices', row)
      raise.run(...COUNTERS.map((one) => named[one] ?? 0n), named.id)
    }
    return this.#count('devices')
  }

  /** Copies the names of lost rows from the index that keeps names unique. Other columns get their default values. */
  copyNames(table: 'devices' | 'series' | 'uplinks'): void {
    if (this.#databaseReader.gaps(table) === 0) return
    const index = this.#shapes.get(`sqlite_autoindex_${table}_1`)!
    const columns = index.columns.map(({ name }) => (name === 'rowid' ? 'id' : name))
    const insert = this.#database.prepare(
      `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    )
    for (const { fields } of this.#databaseReader.rows(index.name)) insert.run(...fields)
  }

  readSeals(): Seal[] {
    const number = (field: Field | undefined): number => Number(field ?? 0)
    return [...this.named('seals')].map((row) => ({
      id: number(row.id),
      parts: number(row.parts),
      first: number(row.first),
      last: number(row.last),
      readings: number(row.readings),
      blocks: number(row.blocks),
      level: number(row.level),
      thinned: row.thinned === 1n ? 1 : 0,
      tsMin: number(row.ts_min),
      tsMax: number(row.ts_max),
      receivedFirst: number(row.received_first),
      receivedLast: number(row.received_last),
    }))
  }

  /** Copies the log after the sealed positions; rows up to there are leftovers. @returns the number of rows. */
  copyLog(sealedUpTo: Seq): number {
    for (const table of ['log_a', 'log_b']) {
      for (const row of this.#databaseReader.rows(table)) {
        const { seq, series, value, quality } = this.#name(table, row)
        if (Number(seq) <= sealedUpTo || !(Number(series) > 0) || !QUALITIES.has(Number(quality))) continue
        if (typeof value === 'bigint' && value !== 0n && value !== 1n) continue
        if (!this.#insert('log_a', row)) this.#worsen('log_a', row)
      }
    }
    return this.#count('log_a')
  }

  /** Copies changed verdicts of sealed readings. @returns the number of rows. */
  copyVerdicts(sealedUpTo: Seq): number {
    const known = this.#database.prepare('SELECT 1 FROM series WHERE id = ?')
    const isOne = (row: Row): boolean =>
      row.rowId! <= sealedUpTo && QUALITIES.has(Number(row.fields[2])) && known.get(row.fields[1]) !== undefined
    const take = (row: Row): void => {
      if (!this.#insert('verdicts', row)) this.#worsen('verdicts', row)
    }
    for (const row of this.#databaseReader.rows('verdicts')) if (isOne(row)) take(row)
    for (const rows of this.#databaseReader.doubtfulPages('verdicts')) if (rows.every(isOne)) rows.forEach(take)
    return this.#count('verdicts')
  }

  /** Combines two versions of a verdict: a verdict only ever gets worse. */
  #worsen(table: 'log_a' | 'verdicts', row: Row): void {
    const { seq, quality, reasons } = this.#name(table, row)
    const get = this.#database.prepare(`SELECT quality, reasons FROM ${table} WHERE seq = ?`)
    const old = get.get(seq) as { quality: Quality; reasons: number }
    const both = combine(old, { quality: Number(quality) as Quality, reasons: Number(reasons) })
    const set = this.#database.prepare(`UPDATE ${table} SET quality = ?, reasons = ? WHERE seq = ?`)
    set.run(both.quality, both.reasons, seq)
  }

  /**
   * Copies the blocks that can be opened. @returns the number of blocks that could not be opened, and of those that did
   * not fit on the disk.
   */
  copyBlocks({ roomBytes }: CopyOptions): { damaged: number; noRoom: number } {
    const table = new BlockTable(this.#database)
    let [damaged, noRoom, left] = [0, 0, roomBytes]
    for (const { id: field, bytes: packed } of this.named('blocks')) {
      const [id, bytes] = [Number(field), packed as Buffer]
      if (table.headAt(id) !== undefined) continue
      if (bytes.length > left) {
        noRoom++
        continue
      }
      const unpacked = unpackBlock(bytes, { readingsMax: BLOCK_READINGS_MAX, bytesMax: UNPACKED_BYTES_MAX })
      if (!unpacked.ok || seriesOf(id) === 0) {
        damaged++
        continue
      }
      table.insert(blockRow(id, unpacked.columns, bytes))
      left -= bytes.length
    }
    return { damaged, noRoom }
  }

  readonly #inserts = new Map<string, Statement<unknown[]>>()

  /** Inserts a row. @returns whether there was no such row before. */
  #insert(table: string, row: Row): boolean {
    const shape = this.#shapes.get(table)!
    const values = valuesOf(shape, row)
    const key = `${table} ${values.length}`
    let insert = this.#inserts.get(key)
    if (insert === undefined) {
      const columns = shape.columns.slice(0, values.length).map(({ name }) => name)
      insert = this.#database.prepare(
        `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${values.map(() => '?').join(', ')})`,
      )
      this.#inserts.set(key, insert)
    }
    return insert.run(...values).changes === 1
  }

  #count(table: string): number {
    return this.#database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  }
}
