import type { Database } from 'better-sqlite3'

/** The device of readings whose own device is unknown. */
const LOST = 'lost'

/**
 * Gives placeholder names to rows that have lost their own: readings without a series, series without a device,
 * positions and counters without an uplink. So they are kept, although their names are unknown.
 * @param uplinks names in the settings: if exactly one of them is missing and exactly one uplink has no name, they
 * match.
 * @returns the ids of the series that got a placeholder name.
 */
export function nameTheNameless(database: Database, uplinks: readonly string[]): number[] {
  nameUplinks(database, uplinks)
  const devices = 'SELECT device FROM series UNION SELECT device FROM rejects EXCEPT SELECT id FROM devices'
  for (const id of database.prepare(devices).pluck().all() as number[]) {
    insertNamed(database, 'devices', id, `${LOST}-${id}`)
  }
  const series = database
    .prepare(
      `SELECT id FROM (SELECT DISTINCT id % 16777216 AS id FROM blocks UNION SELECT DISTINCT series FROM log
       UNION SELECT DISTINCT series FROM rollups) WHERE id NOT IN (SELECT id FROM series)`,
    )
    .pluck()
    .all() as number[]
  if (series.length === 0) return []
  const insert = database.prepare(`INSERT INTO series (id, device, metric, unit) VALUES (?, ?, ?, '')`)
  const device = lostDevice(database)
  for (const id of series) insert.run(id, device, `${LOST}-${id}`)
  return series
}

/** The id of the device that stands for all devices whose name is lost. */
export function lostDevice(database: Database): number {
  const known = database.prepare('SELECT id FROM devices WHERE name = ?').pluck().get(LOST) as number | undefined
  return known ?? insertNamed(database, 'devices', undefined, LOST)
}

function nameUplinks(database: Database, uplinks: readonly string[]): void {
  const nameless = database
    .prepare(
      `SELECT uplink FROM confirmed UNION SELECT uplink FROM confirmed_counts EXCEPT SELECT id FROM uplinks ORDER BY 1`,
    )
    .pluck()
    .all() as number[]
  const known = new Set(database.prepare('SELECT name FROM uplinks').pluck().all() as string[])
  const missing = uplinks.filter((name) => !known.has(name))
  for (const id of nameless) {
    const name = nameless.length === 1 && missing.length === 1 ? missing[0]! : `${LOST}-${id}`
    insertNamed(database, 'uplinks', id, name)
  }
  const insert = database.prepare('INSERT OR IGNORE INTO uplinks (name) VALUES (?)')
  for (const name of uplinks) insert.run(name)
}

/** @param id undefined: the next free one. @returns the id. */
function insertNamed(database: Database, table: 'devices' | 'uplinks', id: number | undefined, name: string): number {
  const taken = database.prepare(`SELECT 1 FROM ${table} WHERE name = ?`)
  let free = name
  while (taken.get(free) !== undefined) free += '-'
  return Number(database.prepare(`INSERT INTO ${table} (id, name) VALUES (?, ?)`).run(id, free).lastInsertRowid)
}
