import { createHash } from 'node:crypto'
import { canonical } from './canonical.ts'
import type { Json } from './json.ts'
import type { Collision, Decided } from './merge.ts'
import type { Rev, Revision } from './revision.ts'

export type ConflictKind = 'merge' | 'two_way' | 'delete_modify' | 'schema' | 'fork'

/** Maximum number of places in a record, which must fit into a message. With more, the record is `truncated`. */
export const CONFLICT_PATHS_MAX = 64
/** Maximum size of the listed places (UTF-8 bytes). With more, the record is `truncated`. */
export const CONFLICT_BYTES_MAX = 64 * 1024

const PROBLEMS_MAX = 16
const PROBLEM_CHARS_MAX = 512

/** A conflict that a person must decide, as it is published. While it is open, the device runs `running`. */
export interface ConflictRecord {
  /** The same three revisions always give the same cid. */
  readonly cid: string
  readonly kind: ConflictKind
  readonly status: 'open' | 'resolved'
  readonly ancestor: Rev | null
  readonly edge: Rev
  readonly cloud: Rev
  readonly paths: readonly Collision[]
  readonly truncated: boolean
  /** What the schema or a limit refused, as text. */
  readonly problems: readonly string[]
  readonly running: { readonly rev: Rev; readonly hash: string } | null
  /** Both in UTC milliseconds. A conflict that is computed again keeps them. */
  readonly opened: number
  readonly deadline: number
  readonly resolution: Resolution | null
}

export interface Resolution {
  readonly take: 'edge' | 'cloud' | 'config' | 'merged'
  readonly by: string
  readonly rev: Rev
  /** UTC milliseconds. */
  readonly at: number
}

/** An open conflict in the state of a device, with everything that is needed to compute it again. */
export interface Conflict {
  readonly record: ConflictRecord
  readonly ancestor: Revision | null
  readonly remote: Revision
  /** The alarm about the missed deadline has been raised. */
  readonly overdue: boolean
  /** The clock could not be trusted when it was opened: the deadline starts again when it can. */
  readonly untimed?: boolean
}

export interface Clash {
  readonly kind: ConflictKind
  readonly ancestor: Revision | null
  readonly edge: Revision
  /** Whether `edge` runs; a device that never had a config runs nothing. */
  readonly runs: boolean
  readonly remote: Revision
  readonly collisions: readonly Decided[]
  readonly problems: readonly string[]
}

/** The id of a conflict: the first 16 hex digits of the SHA-256 of the three revision names. */
export function cidOf(ancestor: Rev | null, edge: Rev, cloud: Rev): string {
  const names = [ancestor, edge, cloud] as unknown as Json
  return createHash('sha256').update(canonical(names)).digest('hex').slice(0, 16)
}

/** Opens a conflict or updates the open one. Returns the same object if nothing has changed. */
export function openConflict(
  before: Conflict | undefined,
  clash: Clash,
  {
    now,
    clockSynced,
    deadlineMs,
  }: { readonly now: number; readonly clockSynced: boolean; readonly deadlineMs: number },
): Conflict {
  const { ancestor, edge, remote } = clash
  const cid = cidOf(ancestor?.rev ?? null, edge.rev, remote.rev)
  if (before?.record.cid === cid && before.record.kind === clash.kind) return before
  const record: ConflictRecord = {
    cid,
    kind: clash.kind,
    status: 'open',
    ancestor: ancestor?.rev ?? null,
    edge: edge.rev,
    cloud: remote.rev,
    ...listed(clash.collisions.filter(({ decision }) => decision.manual)),
    problems: clash.problems.slice(0, PROBLEMS_MAX).map((problem) => problem.slice(0, PROBLEM_CHARS_MAX)),
    running: clash.runs ? { rev: edge.rev, hash: edge.hash } : null,
    opened: before?.record.opened ?? now,
    deadline: before?.record.deadline ?? now + deadlineMs,
    resolution: null,
  }
  const untimed = before === undefined ? !clockSynced : before.untimed === true
  return { record, ancestor, remote, overdue: before?.overdue ?? false, ...(untimed && { untimed }) }
}

/**
 * A closed conflict. Its record is shown for a while; the disputed paths are kept, because the cloud may close it too.
 */
export interface Settled {
  readonly cid: string
  readonly disputed: readonly string[]
  readonly shown: { readonly record: ConflictRecord; readonly until: number } | null
}

/** How long a resolved record stays on its topic (milliseconds). */
export const RESOLVED_SHOWN_MS = 60_000

export function closeConflict({ record }: Conflict, resolution: Resolution): Settled {
  const resolved: ConflictRecord = { ...record, status: 'resolved', resolution }
  const shown = { record: resolved, until: resolution.at + RESOLVED_SHOWN_MS }
  return { cid: record.cid, disputed: disputedPaths(record), shown }
}

/** The paths that the cloud decides when it resolves this conflict; the whole config if the record is truncated. */
export function disputedPaths({ paths, truncated }: ConflictRecord): readonly string[] {
  return truncated ? [''] : paths.map(({ path }) => path)
}

function listed(collisions: readonly Decided[]): Pick<ConflictRecord, 'paths' | 'truncated'> {
  const paths: Collision[] = []
  let bytes = 0
  for (const { decision: _decision, ...collision } of collisions) {
    bytes += Buffer.byteLength(JSON.stringify(collision))
    if (paths.length === CONFLICT_PATHS_MAX || bytes > CONFLICT_BYTES_MAX) return { paths, truncated: true }
    paths.push(collision)
  }
  return { paths, truncated: false }
}
