import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { codeOf } from '../../base/errors.ts'
import { newName } from '../database.ts'
import type { DeviceLoss } from './salvage/rebuild-ledger.ts'

/** Maximum number of damages kept, the newest; and of devices in each, those that lost most. */
const DAMAGES_MAX = 100
const DEVICES_REPORTED_MAX = 100
/** File with the names of the damages that an operator has acknowledged, one per line. */
const ACKNOWLEDGED_FILE = 'tidegate.acknowledged'

export interface TableLoss {
  /** Number of rows that the table has now. */
  readonly rows: number
  /** Number of places in it that could not be read; the number of rows lost there is unknown. */
  readonly gaps: number
}

/** The losses caused by a damaged database. */
export interface DamageReport {
  /** The message of SQLite. */
  readonly cause: string
  /** Path of the damaged file now; undefined: only blocks were damaged and given up, and the file stays in use. */
  readonly file: string | undefined
  /** Why nothing could be salvaged; then there are no counts. */
  readonly nothingBecause: string | undefined
  /** Number of readings; kept and lost together are the readings that were stored and not removed. */
  readonly kept: number
  readonly lost: number
  /** Kept readings whose device is unknown: they also count among the losses of that device. */
  readonly moved: number
  /** Losses of devices, the largest first; at most a hundred devices. */
  readonly devices: readonly DeviceLoss[]
  readonly tables: Readonly<Record<string, TableLoss>>
  /**
   * Number of blocks that could not be opened, and of readable blocks for which the disk had no room; they are still in
   * the damaged file.
   */
  readonly blocks: { readonly damaged: number; readonly noRoom: number }
}

export const NO_LOSS = {
  nothingBecause: undefined,
  kept: 0,
  lost: 0,
  moved: 0,
  devices: [],
  tables: {},
  blocks: { damaged: 0, noRoom: 0 },
} as const

export interface Damage {
  readonly name: string
  /** UTC ms. */
  readonly at: number
  readonly report: DamageReport
}

/** Stores a report in the database that has replaced the damaged one. */
export function recordDamage(database: Database, report: DamageReport, at: number): void {
  const reported = { ...report, devices: report.devices.slice(0, DEVICES_REPORTED_MAX) }
  database
    .prepare('INSERT INTO damages (name, at, report) VALUES (?, ?, ?)')
    .run(newName(), at, JSON.stringify(reported))
  database.prepare('DELETE FROM damages WHERE id <= (SELECT max(id) FROM damages) - ?').run(DAMAGES_MAX)
}

/** All damages of this database, the oldest first. */
export function readDamages(database: Database): Damage[] {
  const known = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'damages'`).get()
  if (known === undefined) return []
  const rows = database.prepare('SELECT name, at, report FROM damages ORDER BY id').all()
  return (rows as { name: string; at: number; report: string }[]).map(({ name, at, report }) => ({
    name,
    at,
    report: reportOf(report),
  }))
}

/** Reads a stored report. Versions before 0.2 named `blocks.noRoom` `homeless`. */
function reportOf(json: string): DamageReport {
  const report = JSON.parse(json) as DamageReport
  const { damaged, noRoom, homeless = 0 } = report.blocks as DamageReport['blocks'] & { readonly homeless?: number }
  return { ...report, blocks: { damaged, noRoom: noRoom ?? homeless } }
}

/** Damages that no operator has acknowledged yet. */
export function openDamages(folder: string, damages: readonly Damage[]): Damage[] {
  const known = damages.length === 0 ? new Set() : readAcknowledged(folder)
  return damages.filter(({ name }) => !known.has(name))
}

/**
 * Records that an operator has seen these damages. The record is a file next to the database, because only the edge
 * writes to the database: so this works while the edge runs.
 */
export function acknowledge(folder: string, damages: readonly Damage[]): void {
  const file = join(folder, ACKNOWLEDGED_FILE)
  writeFileSync(`${file}.new`, damages.map(({ name }) => `${name}\n`).join(''))
  chmodSync(`${file}.new`, 0o644) // the edge must be able to read it, also if root ran the command
  renameSync(`${file}.new`, file)
}

function readAcknowledged(folder: string): ReadonlySet<string> {
  try {
    return new Set(readFileSync(join(folder, ACKNOWLEDGED_FILE), 'utf8').split('\n'))
  } catch (failure) {
    if (codeOf(failure) === 'ENOENT') return new Set()
    throw failure
  }
}

/** Describes a damage in one sentence. */
export function describeDamage({ at, report }: Damage): string {
  const { cause, file, nothingBecause, kept, lost } = report
  const when = new Date(at).toISOString()
  if (file === undefined) return `${cause} (${when}): ${lost} readings are lost`
  if (nothingBecause !== undefined) {
    return `the database was damaged (${when}) and nothing could be salvaged (${nothingBecause}); the damaged file is ${file}`
  }
  const more = [`${kept} readings were salvaged`, `${lost} are lost`, ...consequences(report)].join('; ')
  return `the database was damaged (${when}): ${more}; the damaged file is ${file}`
}

/** Consequences of losing data other than readings. */
function consequences({ moved, blocks, tables }: DamageReport): string[] {
  const isTorn = (...names: string[]): boolean => names.some((name) => (tables[name]?.gaps ?? 0) > 0)
  return [
    ...(moved > 0 ? [`${moved} of the salvaged readings have lost the names of their device and metric`] : []),
    ...(blocks.noRoom > 0 ? [`${blocks.noRoom} readable blocks did not fit on the disk`] : []),
    ...(isTorn('confirmed', 'uplinks') ? ['readings that were delivered may be sent a second time'] : []),
    ...(isTorn('verdicts') ? ['some changed verdicts may have their earlier value'] : []),
    ...(isTorn('incoming') ? ['a repeated QoS 2 publish may be stored twice'] : []),
    ...(isTorn('rejects') ? ['some rejects are lost'] : []),
    ...(isTorn('unrouted') ? ['some messages that were kept without a route are lost'] : []),
    ...(isTorn('down') ? ['some messages from the cloud for local clients are lost'] : []),
  ]
}
