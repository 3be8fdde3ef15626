import type { Database } from 'better-sqlite3'
import type { ValueType } from '../../base/reading.ts'

/** A series of the store, by its names. */
export interface StoredSeries {
  readonly id: number
  readonly device: string
  readonly metric: string
  /** Undefined where no unit was ever named. */
  readonly unit: string | undefined
  /** Undefined while every value was missing. */
  readonly type: ValueType | undefined
}

/** Which series are meant; what is left out is not looked at. A unit of '' means those without one. */
export interface SeriesFilter {
  readonly device?: string | undefined
  readonly metric?: string | undefined
  readonly unit?: string | undefined
}

type Row = Omit<StoredSeries, 'unit' | 'type'> & { readonly unit: string; readonly type: ValueType | null }

/** The series of the store in the order of device, metric and age. */
export function readSeries(database: Database, { device, metric, unit }: SeriesFilter = {}): StoredSeries[] {
  const given = Object.entries({ 'devices.name': device, metric, unit }).filter(([, value]) => value !== undefined)
  const where = given.length === 0 ? '' : `WHERE ${given.map(([column]) => `${column} = ?`).join(' AND ')}`
  const sql = `SELECT series.id, devices.name AS device, metric, unit, type FROM series
    JOIN devices ON devices.id = series.device ${where} ORDER BY devices.name, metric, series.id`
  const rows = database.prepare(sql).all(...given.map(([, value]) => value)) as Row[]
  return rows.map(({ unit, type, ...row }) => ({
    ...row,
    unit: unit === '' ? undefined : unit,
    type: type ?? undefined,
  }))
}
