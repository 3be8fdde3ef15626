import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { codeOf } from '../../base/errors.ts'
import { newName } from '../database.ts'
import type { DeviceLoss } from './salvage/rebuild-ledger.ts'

/** Damages told at most, the newest; and of each the devices that lost most. */
const DAMAGES_MAX = 100
const DEVICES_REPORTED_MAX = 100
/** Names of the damages that an operator has acknowledged, one a line. */
const ACKNOWLEDGED_FILE = 'tidegate.acknowledged'

export interface TableLoss {
  /** Rows that the table has now. */
  readonly rows: number
  /** Places of it that could not be read; how many rows were there is not known. */
  readonly gaps: number
}

/** What a damaged database has cost. */
export interface DamageReport {
  /** What SQLite said of it. */
  readonly cause: string
  /** Where the damaged file lies now; undefined: only blocks were damaged, and given up where they were. */
  readonly file: string | undefined
  /** Why nothing at all could be salvaged; then there are no counts. */
  readonly nothingBecause: string | undefined
  /** Readings: together as many as were stored and not removed. */
  readonly kept: number
  readonly lost: number
  /** Of the kept ones, those of which nobody knows the device: they are among the losses of that device, too. */
  readonly moved: number
  /** What devices have lost, the most first; at most a hundred of them. */
  readonly devices: readonly DeviceLoss[]
  readonly tables: Readonly<Record<string, TableLoss>>
  /** Blocks that could not be opened, and readable ones for which the disk had no room: they lie in the damaged file. */
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

/** Keeps a report in the database that has taken the place of the damaged one. */
export function recordDamage(database: Database, report: DamageReport, at: number): void {
  const reported = { ...report, devices: report.devices.slice(0, DEVICES_REPORTED_MAX) }
  database
    .prepare('INSERT INTO damages (name, at, report) VALUES (?, ?, ?)')
    .run(newName(), at, JSON.stringify(reported))
  database.prepare('DELETE FROM damages WHERE id <= (SELECT max(id) FROM damages) - ?').run(DAMAGES_MAX)
}

/** All that this database has been through, the oldest first. */
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

/** Those that no operator has acknowledged yet. */
export function openDamages(folder: string, damages: readonly Damage[]): Damage[] {
  const known = damages.length === 0 ? new Set() : readAcknowledged(folder)
  return damages.filter(({ name }) => !known.has(name))
}

/**
 * Says that somebody has seen them. It stands in a file beside the database, which only the edge writes to: so it works
 * beside a running one.
 */
export function acknowledge(folder: string, damages: readonly Damage[]): void {
  const file = join(folder, ACKNOWLEDGED_FILE)
  writeFileSync(`${file}.new`, damages.map(({ name }) => `${name}\n`).join(''))
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

/** A damage in one sentence. */
export function describeDamage({ at, report }: Damage): string {
  const { cause, file, nothingBecause, kept, lost } = report
  const when = new Date(at).toISOString()
  if (file === undefined) return `${cause} (${when}): ${lost} readings are lost`
  if (nothingBecause !== undefined) {
    return `the database was damaged (${when}) and nothing of it could be salvaged (${nothingBecause}); it lies in ${file}`
  }
  const more = [`${kept} readings were salvaged`, `${lost} are lost`, ...consequences(report)].join('; ')
  return `the database was damaged (${when}): ${more}; the damaged file is ${file}`
}

/** What follows from the loss of other things than readings. */
function consequences({ moved, blocks, tables }: DamageReport): string[] {
  const isTorn = (...names: string[]): boolean => names.some((name) => (tables[name]?.gaps ?? 0) > 0)
  return [
    ...(moved > 0 ? [`${moved} of the salvaged have lost the names of their device and metric`] : []),
    ...(blocks.noRoom > 0 ? [`${blocks.noRoom} readable blocks found no room on the disk`] : []),
    ...(isTorn('confirmed', 'uplinks') ? ['readings that were delivered may go out a second time'] : []),
    ...(isTorn('verdicts') ? ['some verdicts that changed later may be as they were before'] : []),
    ...(isTorn('incoming') ? ['a QoS 2 publish that is repeated may be stored twice'] : []),
    ...(isTorn('rejects') ? ['some rejects are lost'] : []),
  ]
}
