import type { Database } from 'better-sqlite3'
import type { Seq } from '../../../base/reading.ts'
import { rebuildDown } from '../../down/down-account.ts'
import { rebuildForwards } from '../../forward/forward-account.ts'
import { rebuildUnrouted } from '../../kept/unrouted-account.ts'
import { LogWriter } from '../../log.ts'
import { BlockTable } from '../../sealed/blocks.ts'
import { Sealing } from '../../sealed/sealing.ts'
import { type Seal, SealDirectory } from '../../sealed/seals.ts'
import type { HousekeepingContext } from '../../sealed/task.ts'
import { VerdictTable } from '../../sealed/verdicts.ts'
import { foldTallies } from '../../tallies.ts'
import { renewEpoch } from '../../timeline.ts'
import type { TableLoss } from '../damages.ts'
import { Copying } from './copy-rows.ts'
import type { DatabaseReader, DatabaseReaderOptions } from './database-reader.ts'
import { nameTheNameless } from './placeholder-names.ts'
import { type DeviceLoss, rebuildLedger } from './rebuild-ledger.ts'
import { reseal } from './reseal.ts'

/** Rows of the log per seal. */
const STRETCH_ROWS = 65_536
/** Tables with special handling; all others are copied unchanged. `amendments` end with their epoch. */
const SPECIAL = new Set(['meta', 'devices', 'log_a', 'log_b', 'seals', 'blocks', 'verdicts', 'amendments'])

/**
 * Blocks have a checksum each. For `tallies`, `incoming`, `unrouted` and `down`, an old version of a row would count messages
 * twice, cause a new publish to be taken for a repeated one, or bring back a message that was replayed.
 */
export const READING: DatabaseReaderOptions = {
  checkedByRow: ['blocks'],
  treeOnly: ['tallies', 'incoming', 'unrouted', 'down'],
}

export interface Salvaged {
  readonly tables: Readonly<Record<string, TableLoss>>
  /** Number of readings. */
  readonly kept: number
  readonly lost: number
  readonly devices: readonly DeviceLoss[]
  /** Kept readings that are assigned to a placeholder device: they also count among the losses of their own device. */
  readonly moved: number
  /** Number of blocks that could not be opened, and of readable blocks that did not fit on the disk. */
  readonly blocks: { readonly damaged: number; readonly noRoom: number }
}

export interface SalvageOptions {
  /** Names of the uplinks in the settings. */
  readonly uplinks: readonly string[]
  /** UTC ms. */
  readonly now: number
  /** Bytes that history may take on the disk. */
  readonly roomBytes: number
}

/**
 * Fills a new database from a damaged one. Every reading that can be read is kept as it was, with its position; the log
 * is sealed; the ledger balances and shows the loss; no position is ever assigned again; and readings that are not
 * confirmed are sent under a new epoch.
 */
export function salvage(databaseReader: DatabaseReader, database: Database, options: SalvageOptions): Salvaged {
  const copying = new Copying(databaseReader, database)
  database.exec('BEGIN')
  const meta = copyMeta(copying, database)
  copying.copyDevices()
  const counted = new Set(database.prepare('SELECT id FROM devices').pluck().all() as number[])
  for (const table of copying.tables) if (!SPECIAL.has(table)) copying.copy(table)
  foldTallies(database)
  const before = number(database, `SELECT coalesce(sum(stored), 0) FROM devices`)
  const removed = number(database, 'SELECT coalesce(sum(expired + dropped + thinned + damaged), 0) FROM devices')
  for (const table of ['devices', 'series', 'uplinks'] as const) copying.copyNames(table)

  const known = copying.readSeals()
  copying.copyLog(meta.sealed ?? lastOf(known))
  const blocks = copying.copyBlocks(options)
  const seals = reseal(database, known, meta.sealed, options.now)
  const sealedUpTo = Math.max(meta.sealed ?? 0, lastOf(seals))
  database.prepare('DELETE FROM log_a WHERE seq <= ?').run(sealedUpTo)
  setSealed(database, sealedUpTo)
  const moved = nameTheNameless(database, options.uplinks)
  copying.copyVerdicts(sealedUpTo)
  const lastSeq = highestPosition(copying, database, sealedUpTo)
  sealLog(database)
  setSealed(database, lastSeq)
  database.exec('UPDATE uplinks SET amended = 0')

  const allCounted = databaseReader.gaps('devices') + databaseReader.gaps('tallies') === 0
  const allDelivered = databaseReader.gaps('confirmed_counts') === 0
  const allSettled = databaseReader.gaps('confirmed') === 0
  rebuildForwards(database)
  rebuildUnrouted(database)
  rebuildDown(database)
  const devices = rebuildLedger(database, { counted, allCounted, allDelivered, allSettled, lastSeq })
  renewEpoch(database)
  database.exec('COMMIT')
  const kept = number(database, 'SELECT coalesce(sum(readings), 0) FROM seals')
  // If counters are lost, positions show how many readings there were.
  const stored = allCounted ? before : Math.max(before, lastSeq)
  return {
    tables: Object.fromEntries(copying.tables.map((table) => [table, lossOf(databaseReader, database, table)])),
    kept,
    lost: Math.max(0, stored - removed - kept),
    devices,
    moved: countReadings(database, moved),
    blocks,
  }
}

function lastOf(seals: readonly Seal[]): Seq {
  return seals.reduce((high, { last }) => Math.max(high, last), 0)
}

function setSealed(database: Database, seq: Seq): void {
  database.prepare(`UPDATE meta SET value = ? WHERE key = 'sealed'`).run(seq)
}

function number(database: Database, sql: string): number {
  return database.prepare(sql).pluck().get() as number
}

function lossOf(databaseReader: DatabaseReader, database: Database, table: string): TableLoss {
  return { rows: number(database, `SELECT count(*) FROM ${table}`), gaps: databaseReader.gaps(table) }
}

function countReadings(database: Database, series: readonly number[]): number {
  const count = database.prepare('SELECT coalesce(sum(readings), 0) FROM blocks WHERE id % 16777216 = ?').pluck()
  return series.reduce((sum, id) => sum + (count.get(id) as number), 0)
}

function copyMeta(copying: Copying, database: Database): { sealed: Seq | undefined } {
  const put = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
  let sealed: Seq | undefined
  for (const { key, value } of copying.named('meta')) {
    put.run(key, value)
    if (key === 'sealed') sealed = Number(value)
  }
  return { sealed }
}

/** The highest position that was ever assigned, as far as any data still shows it. */
function highestPosition(copying: Copying, database: Database, sealedUpTo: Seq): Seq {
  const reported = number(
    database,
    `SELECT max(coalesce((SELECT max(seq) FROM log), 0), coalesce((SELECT max(last) FROM confirmed), 0),
     coalesce((SELECT max(last) FROM seals), 0), coalesce((SELECT sum(stored) FROM devices), 0))`,
  )
  let high = Math.max(sealedUpTo, reported)
  for (const { seq } of copying.named('amendments')) high = Math.max(high, Number(seq))
  return high
}

/** Packs the log into blocks: it may have gaps, which are counted correctly only in sealed stretches. */
function sealLog(database: Database): void {
  const seals = new SealDirectory(database)
  const blocks = new BlockTable(database)
  const write = (work: () => void): void => work()
  const log = (): LogWriter => new LogWriter(database, 0)
  const context: HousekeepingContext = {
    database,
    seals,
    blocks,
    verdicts: new VerdictTable(database),
    outboxes: [],
    begunAt: ({ receivedFirst }) => receivedFirst,
    arrivedAt: ({ receivedLast }) => receivedLast,
    movesAlikeUntil: () => Infinity,
    log,
    write,
  }
  const end = database.prepare(
    `SELECT max(seq) FROM (SELECT seq FROM log WHERE seq > ? ORDER BY seq LIMIT ${STRETCH_ROWS})`,
  )
  for (;;) {
    const last = end.pluck().get(seals.sealedUpTo) as Seq | null
    if (last === null) return
    for (const _ of new Sealing(context, last).run());
    database.prepare('DELETE FROM log_a WHERE seq <= ?').run(last)
  }
}
