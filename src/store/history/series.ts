import type { Database } from 'better-sqlite3'
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

/** The series of the store in order of device, metric and age. */
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
