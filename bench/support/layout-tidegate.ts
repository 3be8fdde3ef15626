import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { systemClock } from '../../src/base/clock.ts'
import { GOOD } from '../../src/base/flags.ts'
import { edgeSettings } from '../../src/settings/edge.ts'
import { openReadOnly } from '../../src/store/database.ts'
import { History } from '../../src/store/history/history.ts'
import { Store } from '../../src/store/store.ts'
import type { Checksums } from './checksums.ts'
import type { Layout } from './layouts.ts'
import { PLANT_START, type Readings } from './plant.ts'

/** The store of this project without uplinks, through the calls that the store thread makes. */
export function tidegate(folder: string): Layout {
  const { store: settings } = edgeSettings.parse({ edge: 'bench' })
  const store = Store.open(folder, settings, [])
  return {
    commit: (readings) => store.write(() => append(store, readings)),
    checkpointIfDue: () => store.checkpointIfDue(),
    runHousekeeping: (now, busy) => store.runHousekeeping({ now, busy }),
    close: () => store.close(),
    readBack: (found) => readHistory(folder, found),
  }
}

/** Inside `write`: appends readings and counts them, as ingest does. */
export function append(store: Store, { count, series, ts, value, receivedAt }: Readings): void {
  for (let i = 0; i < count; i++) {
    const device = store.intake.catalog.device(deviceName(series[i]!))
    const { id } = store.intake.catalog.find(device, METRIC, undefined)
    device.received++
    device.stored++
    store.intake.catalog.touch(device)
    store.intake.log.append(id, ts[i]!, value[i]!, GOOD, receivedAt[i]!)
  }
}

/** Through the history, which has every reading, wherever it is kept. */
function readHistory(folder: string, found: Checksums): void {
  const database = openReadOnly(folder)
  const history = new History(database, systemClock)
  for (const stored of history.series()) {
    const series = seriesOf(stored.device)
    for (const page of history.pages(stored)) {
      for (const { ts, value } of page) found.add(series, ts - PLANT_START, Number(value))
    }
  }
  database.close()
}

const METRIC = 'value'
const DEVICE_PREFIX = 'device-'

const names: string[] = []

/** The device of a series of the plant. */
export function deviceName(series: number): string {
  names[series] ??= `${DEVICE_PREFIX}${series}`
  return names[series]
}

function seriesOf(device: string): number {
  return Number(device.slice(DEVICE_PREFIX.length))
}

/** What the blocks of a database have of one series. */
export interface SealedSeries {
  /** As the plant numbers it. */
  readonly series: number
  readonly readings: number
  readonly blocks: number
  /** Of the packed columns alone. */
  readonly bytes: number
}

export interface SealedFile {
  readonly series: readonly SealedSeries[]
  readonly seals: number
  /** Of the whole file, and of its free pages. */
  readonly bytes: number
  readonly freeBytes: number
  /** Readings that are still in the log. */
  readonly logRows: number
}

/** How the readings of a closed database are kept. */
export function sealedFile(folder: string): SealedFile {
  const database = new SQLite(join(folder, 'tidegate.db'), { readonly: true })
  try {
    const one = (sql: string): number => database.prepare(sql).pluck().get() as number
    const pageBytes = one('PRAGMA page_size')
    const sql = `SELECT CAST(substr(devices.name, ${DEVICE_PREFIX.length + 1}) AS INTEGER) AS series,
      sum(readings) AS readings, count(*) AS blocks, sum(length(bytes)) AS bytes
      FROM blocks JOIN series ON series.id = blocks.id % ${2 ** 24} JOIN devices ON devices.id = series.device
      GROUP BY series.id`
    return {
      series: database.prepare(sql).all() as SealedSeries[],
      seals: one('SELECT count(*) FROM seals'),
      bytes: one('PRAGMA page_count') * pageBytes,
      freeBytes: one('PRAGMA freelist_count') * pageBytes,
      logRows: one(`SELECT count(*) FROM log WHERE seq > (SELECT value FROM meta WHERE key = 'sealed')`),
    }
  } finally {
    database.close()
  }
}
