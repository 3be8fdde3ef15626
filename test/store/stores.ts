import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import type { Quality, Seq, SeqRange, Value } from '../../src/base/reading.ts'
import { edgeSettings, type StoreSettings } from '../../src/settings/edge.ts'
import { DATABASE_FILE } from '../../src/store/database.ts'
import type { Lane, Outbox } from '../../src/store/delivery/outbox.ts'
import type { UplinkStart } from '../../src/store/delivery/outboxes.ts'
import { openReader } from '../../src/store/reader.ts'
import { Store } from '../../src/store/store.ts'

export function storeSettings(given: Partial<StoreSettings> = {}): StoreSettings {
  return edgeSettings.parse({ edge: 'site', store: given }).store
}

export function openStore(
  folder: string,
  { uplinks = ['cloud'], ...given }: Partial<StoreSettings> & { readonly uplinks?: readonly string[] } = {},
): Store {
  return Store.open(folder, storeSettings(given), uplinks.map(everything))
}

/** An uplink that sends everything that is stored already. */
export function everything(name: string): UplinkStart {
  return { name, start: 'all' }
}

export interface Row {
  readonly device?: string
  readonly metric?: string
  readonly unit?: string
  readonly value?: Value
  readonly ts?: number
  readonly quality?: Quality
  readonly reasons?: number
}

/** Inside `write`: appends one reading and counts it, as ingest does. */
export function append(store: Store, row: Row = {}): Seq {
  const { device: name = 'press', metric = 'force', value = 1, ts = 1_000, quality = 1, reasons = 0 } = row
  const device = store.intake.catalog.device(name)
  const series = store.intake.catalog.find(device, metric, row.unit)
  device.received++
  device.stored++
  store.intake.catalog.touch(device)
  return store.intake.log.append(series.id, ts, value, { quality, reasons }, ts)
}

/** Commits `count` readings. */
export function appendMany(store: Store, count: number, row: Row = {}): void {
  store.write(() => {
    for (let i = 0; i < count; i++) append(store, row)
  })
}

/** Takes the next stretch of a lane, at most `countMax` readings, as an uplink does. Undefined: there is none. */
export function takeNext(
  store: Store,
  outbox: Outbox,
  lane: Lane,
  countMax: number,
): { readonly range: SeqRange; readonly seqs: Seq[] } | undefined {
  const stretch = outbox.next(lane, store.lastSeq, countMax)
  if (stretch === undefined) return undefined
  const range = { first: stretch.first, last: stretch.last }
  const rows = stretch.rows()
  const bySeries = Map.groupBy(rows, ([, series]) => series)
  outbox.take(range, new Map([...bySeries].map(([series, some]) => [series, some.length])))
  return { range, seqs: rows.map(([seq]) => seq) }
}

/** The positions of all readings in the log. */
export function positions(store: Store): Seq[] {
  return [...store.readFrom(1)].map(([seq]) => seq)
}

/** A separate connection to the same file, as another process has it. */
export function connect(folder: string): Database {
  return new SQLite(join(folder, DATABASE_FILE), { timeout: 1_000 })
}

/** Runs SQL on a connection of its own. */
export function tamper(folder: string, sql: string): void {
  const database = connect(folder)
  database.exec(sql)
  database.close()
}

/** The equations of the ledger that do not hold, over all devices. */
export function imbalances(folder: string): string[] {
  const reader = openReader(folder)
  const problems = reader.ledger().flatMap((row) => row.problems)
  reader.close()
  return problems
}
