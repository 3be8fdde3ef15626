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

/** A device of the store and the number of its series. */
export interface StoredDevice {
  readonly id: number
  readonly name: string
  readonly series: number
}

/** The first devices in order of name, from the one after this name on. */
export function readDevicesAfter(database: Database, after: string | undefined, limit: number): StoredDevice[] {
  const sql = `SELECT id, name, (SELECT count(*) FROM series WHERE device = devices.id) AS series FROM devices
    WHERE @after IS NULL OR name > @after ORDER BY name LIMIT @limit`
  return database.prepare(sql).all({ after: after ?? null, limit }) as StoredDevice[]
}

/** The series of a device in order of metric and age: at most `limit`, after the first `offset` ones. */
export function readSeriesOf(
  database: Database,
  device: StoredDevice,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): StoredSeries[] {
  const sql = `SELECT id, ? AS device, metric, unit, type FROM series WHERE device = ? ORDER BY metric, id LIMIT ? OFFSET ?`
  return (database.prepare(sql).all(device.name, device.id, limit, offset) as Row[]).map(seriesOf)
}

/** The place of a series in the order of all series. */
export interface SeriesPlace {
  readonly device: string
  readonly metric: string
  readonly unit: string
}

/** The first matching series in order of device, metric and age, at most `limit`; `after`: those after this one. */
export function readSeriesAfter(
  database: Database,
  { device, metric }: Omit<SeriesFilter, 'unit'>,
  { after, limit }: { readonly after: SeriesPlace | undefined; readonly limit: number },
): StoredSeries[] {
  const found = after === undefined ? undefined : findSeries(database, after)
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
  const sql = `SELECT series.id, devices.name AS device, metric, unit, type FROM devices
    JOIN series ON series.device = devices.id ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
    ORDER BY devices.name, metric, series.id LIMIT @limit`
  const given = { device, metric, afterDevice: after?.device, afterMetric: after?.metric, afterId: found, limit }
  const bound = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return (database.prepare(sql).all(bound) as Row[]).map(seriesOf)
}

/** The id of a series; undefined: there is none. */
export function findSeries(database: Database, { device, metric, unit }: SeriesPlace): number | undefined {
  const sql = `SELECT series.id FROM devices JOIN series ON series.device = devices.id
    WHERE devices.name = ? AND metric = ? AND unit = ?`
  return database.prepare(sql).pluck().get(device, metric, unit) as number | undefined
}

export function hasDevice(database: Database, name: string): boolean {
  return database.prepare('SELECT 1 FROM devices WHERE name = ?').get(name) !== undefined
}

function seriesOf({ unit, type, ...row }: Row): StoredSeries {
  return { ...row, unit: unit === '' ? undefined : unit, type: type ?? undefined }
}

/** The series of the store in order of device, metric and age. */
export function readSeries(database: Database, { device, metric, unit }: SeriesFilter = {}): StoredSeries[] {
  const given = Object.entries({ 'devices.name': device, metric, unit }).filter(([, value]) => value !== undefined)
  const where = given.length === 0 ? '' : `WHERE ${given.map(([column]) => `${column} = ?`).join(' AND ')}`
  const sql = `SELECT series.id, devices.name AS device, metric, unit, type FROM series
    JOIN devices ON devices.id = series.device ${where} ORDER BY devices.name, metric, series.id`
  const rows = database.prepare(sql).all(...given.map(([, value]) => value)) as Row[]
  return rows.map(seriesOf)
}
