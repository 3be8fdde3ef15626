import type { Database, Statement } from 'better-sqlite3'
import type { ValueType } from '../../base/reading.ts'

/** A series of the store, with its names. */
export interface StoredSeries {
  readonly id: number
  readonly device: string
  readonly metric: string
  /** Undefined: the device never named a unit. */
  readonly unit: string | undefined
  /** Undefined: every value so far was missing. */
  readonly type: ValueType | undefined
}

/** Selects series; a field that is left out matches all. The unit '' selects series without a unit. */
export interface SeriesFilter {
  readonly device?: string | undefined
  readonly metric?: string | undefined
  readonly unit?: string | undefined
}

type Row = Omit<StoredSeries, 'unit' | 'type'> & { readonly unit: string; readonly type: ValueType | null }

/** A device of the store and the number of its series. */
export interface StoredDevice {
  readonly id: number
  readonly name: string
  readonly series: number
}

/** The place of a series in the order of all series. */
export interface SeriesPlace {
  readonly device: string
  readonly metric: string
  readonly unit: string
}

const COLUMNS = 'series.id, devices.name AS device, metric, unit, type'
const ORDER = 'ORDER BY devices.name, metric, series.id'

/**
 * Reads the devices and series of a store. Every statement is prepared once: a page of devices runs one for each device,
 * and SQLite keeps the memory of a statement until the garbage collector happens to find it.
 */
export class SeriesTable {
  readonly #database: Database
  readonly #statements = new Map<string, Statement<unknown[]>>()

  constructor(database: Database) {
    this.#database = database
  }

  /** @param sql one of the few texts of this class. */
  #prepared(sql: string): Statement<unknown[]> {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement: Statement<unknown[]> = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  /** The first devices in order of name, from the one after this name on. */
  devicesAfter(after: string | undefined, limit: number): StoredDevice[] {
    const sql = `SELECT id, name, (SELECT count(*) FROM series WHERE device = devices.id) AS series FROM devices
      WHERE @after IS NULL OR name > @after ORDER BY name LIMIT @limit`
    return this.#prepared(sql).all({ after: after ?? null, limit }) as StoredDevice[]
  }

  /** The series of a device in order of metric and age: at most `limit`, after the first `offset` ones. */
  ofDevice(
    device: StoredDevice,
    { offset, limit }: { readonly offset: number; readonly limit: number },
  ): StoredSeries[] {
    const sql = `SELECT id, ? AS device, metric, unit, type FROM series WHERE device = ?
      ORDER BY metric, id LIMIT ? OFFSET ?`
    return (this.#prepared(sql).all(device.name, device.id, limit, offset) as Row[]).map(seriesOf)
  }

  /** The first matching series in order of device, metric and age, at most `limit`; `after`: those after this one. */
  matchingAfter(
    { device, metric }: Omit<SeriesFilter, 'unit'>,
    { after, limit }: { readonly after: SeriesPlace | undefined; readonly limit: number },
  ): StoredSeries[] {
    const found = after === undefined ? undefined : this.find(after)
    const where = [
      ...(device === undefined ? [] : ['devices.name = @device']),
      ...(metric === undefined ? [] : ['metric = @metric']),
      ...(found === undefined
        ? []
        : [
            `devices.name >= @afterDevice AND (devices.name > @afterDevice OR metric > @afterMetric
              OR (metric = @afterMetric AND series.id > @afterId))`,
          ]),
    ]
    const sql = `SELECT ${COLUMNS} FROM devices JOIN series ON series.device = devices.id
      ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`} ${ORDER} LIMIT @limit`
    const given = { device, metric, afterDevice: after?.device, afterMetric: after?.metric, afterId: found, limit }
    const bound = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    return (this.#prepared(sql).all(bound) as Row[]).map(seriesOf)
  }

  /** The matching series in order of device, metric and age. */
  matching({ device, metric, unit }: SeriesFilter = {}): StoredSeries[] {
    const given = Object.entries({ 'devices.name': device, metric, unit }).filter(([, value]) => value !== undefined)
    const where = given.length === 0 ? '' : `WHERE ${given.map(([column]) => `${column} = ?`).join(' AND ')}`
    const sql = `SELECT ${COLUMNS} FROM series JOIN devices ON devices.id = series.device ${where} ${ORDER}`
    return (this.#prepared(sql).all(...given.map(([, value]) => value)) as Row[]).map(seriesOf)
  }

  /** The id of a series; undefined: there is none. */
  find({ device, metric, unit }: SeriesPlace): number | undefined {
    const sql = `SELECT series.id FROM devices JOIN series ON series.device = devices.id
      WHERE devices.name = ? AND metric = ? AND unit = ?`
    return (this.#prepared(sql).get(device, metric, unit) as { readonly id: number } | undefined)?.id
  }

  hasDevice(name: string): boolean {
    return this.#prepared('SELECT 1 FROM devices WHERE name = ?').get(name) !== undefined
  }
}

function seriesOf({ unit, type, ...row }: Row): StoredSeries {
  return { ...row, unit: unit === '' ? undefined : unit, type: type ?? undefined }
}
