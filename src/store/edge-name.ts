import type { Database } from 'better-sqlite3'
import { Exit, OperatorError } from '../base/errors.ts'
import { endPauses } from './delivery/name-pauses.ts'
import { renewEpoch } from './timeline.ts'

/** Keys in `meta`: the name of the edge to which the store belongs, and its changes as JSON. */
const KEY = 'edge'
const CHANGES_KEY = 'edge_changes'
/** Changes that are kept, the newest. */
const CHANGES_MAX = 20

/** A change of the name of an edge, accepted with `--adopt`. */
export interface NameChange {
  /** UTC ms. */
  readonly at: number
  readonly from: string
  readonly to: string
  /** The epoch that began with it. */
  readonly epoch: string
}

/** The name of the edge that is opening its store. */
export interface EdgeName {
  readonly name: string
  /** True: if the store belongs to an edge with another name, it belongs to this one from now on. */
  readonly adopt: boolean
}

/**
 * Refuses a store that belongs to another edge: what it holds would go to the cloud under the wrong name. A new store, and
 * one of an earlier version, belongs to the edge that opens it.
 *
 * An adopted store begins a new epoch. What was not confirmed goes to the cloud under the new name; what was confirmed
 * stays there under the former name. Uplinks that were paused because another edge had the former name send again.
 * @param now UTC ms, for the record of the change
 * @returns the change; undefined: the name is the same
 * @throws OperatorError if the store belongs to another edge and `adopt` is false; nothing has changed then
 */
export function claimStore(database: Database, { name, adopt }: EdgeName, now: number): NameChange | undefined {
  const get = database.prepare('SELECT value FROM meta WHERE key = ?').pluck()
  const put = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
  const from = get.get(KEY) as string | undefined
  if (from === undefined) put.run(KEY, name)
  if (from === undefined || from === name) return undefined
  if (!adopt) throw foreign(from, name)
  return database
    .transaction((): NameChange => {
      const change = { at: now, from, to: name, epoch: renewEpoch(database) }
      put.run(KEY, name)
      endPauses(database)
      put.run(CHANGES_KEY, JSON.stringify([...nameChanges(database), change].slice(-CHANGES_MAX)))
      return change
    })
    .immediate()
}

/** The newest changes of the name, the oldest of them first; at most 20. */
export function nameChanges(database: Database): readonly NameChange[] {
  const text = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(CHANGES_KEY)
  return text === undefined ? [] : (JSON.parse(text as string) as NameChange[])
}

function foreign(from: string, to: string): OperatorError {
  return new OperatorError(`the data folder belongs to the edge "${from}", and the settings name the edge "${to}"`, {
    remedy:
      `set \`edge: ${from}\` again, or name another folder with the setting \`data\`; if this edge is to be called ` +
      `"${to}" from now on, start it once with --adopt: what "${from}" has not delivered is then sent as "${to}"`,
    exitCode: Exit.SETTINGS,
  })
}
