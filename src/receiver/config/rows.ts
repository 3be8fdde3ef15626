import type { AuthorityState } from '../../config/authority.ts'
import { desiredMessage } from '../../config/authority.ts'
import type { Change } from '../../config/changes.ts'
import type { ConflictRecord } from '../../config/conflict.ts'
import { TOMBSTONE_KEPT_MS } from '../../config/edge/state.ts'
import type { Revision } from '../../config/revision.ts'
import type { DeviceRecord, KeptRevision, LoggedChange, Reported, Unpublished } from './config-store.ts'

/**
 * How records are stored in columns of any database: JSON as text, because text holds every string that a config may
 * contain.
 */

type Column = number | string | boolean | Uint8Array | null

/** In the order of `recordOf`. */
export const RECORD_COLUMNS = 'edge, device, state, counts, head, reported, conflict'

export function recordOf([edge, device, state, counts, head, reported, conflict]: readonly Column[]): DeviceRecord {
  return {
    edge: String(edge),
    device: String(device),
    state: JSON.parse(String(state)) as AuthorityState,
    counts: JSON.parse(String(counts)) as DeviceRecord['counts'],
    head: parsed<Revision>(head),
    reported: parsed<Reported>(reported),
    conflict: parsed<ConflictRecord>(conflict),
  }
}

function parsed<T>(column: Column | undefined): T | null {
  return column === null || column === undefined ? null : (JSON.parse(String(column)) as T)
}

/**
 * The columns after edge and device: those of `recordOf`, whether a conflict is open, and when the tombstone is due.
 */
export function columnsOf({
  state,
  counts,
  head,
  reported,
  conflict,
}: DeviceRecord): readonly [string, string, string | null, string | null, string | null, number, number | null] {
  const texts = [head, reported, conflict].map((one) => (one === null ? null : JSON.stringify(one)))
  const { tombstone } = state
  const dueAt = tombstone === null || tombstone.purged ? null : tombstone.since + TOMBSTONE_KEPT_MS
  return [
    JSON.stringify(state),
    JSON.stringify(counts),
    texts[0]!,
    texts[1]!,
    texts[2]!,
    conflict?.status === 'open' ? 1 : 0,
    dueAt,
  ]
}

export function unpublishedOf([edge, device, version, state]: readonly Column[]): Unpublished {
  const payload = desiredMessage(JSON.parse(String(state)) as AuthorityState)
  return { edge: String(edge), device: String(device), version: Number(version), payload }
}

export function keptOf([at, revision]: readonly Column[]): KeptRevision {
  return { at: Number(at), revision: JSON.parse(String(revision)) as Revision }
}

export function loggedOf([edge, change]: readonly Column[]): LoggedChange {
  return { edge: String(edge), ...(JSON.parse(String(change)) as Change) }
}
