import type { Database } from 'better-sqlite3'
import type { ValueType } from '../../base/reading.ts'
import type { Device, Series } from './series.ts'

/** Key in `meta`: the highest id that a series ever had, written when series are removed. */
export const LAST_ID = 'series-last'

interface SeriesRow {
  id: number
  device: number
  metric: string
  unit: string
  type: ValueType | null
  client: string
  is_new: number
}

/** All series that are stored, in the order of their ids. Their newest times are not known. */
export function readSeries(database: Database, devices: ReadonlyMap<number, Device>): Series[] {
  const rows = database.prepare('SELECT * FROM series ORDER BY id').all() as SeriesRow[]
  return rows.map(({ id, device, metric, unit, type, client, is_new: isNew }) => ({
    id,
    device: devices.get(device)!,
    metric,
    unit,
    type: type ?? undefined,
    isNew: isNew === 1,
    current: false,
    newestTs: Infinity,
    futureTs: undefined,
    client,
  }))
}

export function readLastId(database: Database): number {
  const sql = `SELECT max(coalesce((SELECT max(id) FROM series), 0),
    coalesce((SELECT value FROM meta WHERE key = '${LAST_ID}'), 0))`
  return database.prepare(sql).pluck().get() as number
}
