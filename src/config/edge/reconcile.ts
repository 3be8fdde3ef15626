import { differences, losses } from '../changes.ts'
import { type Clash, type ConflictKind, disputedPaths, openConflict } from '../conflict.ts'
import { compareHlc, isAhead, parseHlc } from '../hlc.ts'
import { at, type JsonObject, MISSING } from '../json.ts'
import { type Decided, type Decision, merge } from '../merge.ts'
import { decider, type Newer } from '../policies.ts'
import { formatRev, type Revision } from '../revision.ts'
import { install, problemsOf, revisionOf, settle, share, type Turn } from './turn.ts'

/** The revisions to reconcile: the cloud's, the edge's, and their common ancestor; null: it is not known. */
export interface Meeting {
  readonly ancestor: Revision | null
  readonly edge: Revision
  readonly remote: Revision
  /** Two contents have the same name. Then the ancestor is null. */
  readonly fork?: boolean
}

/** The config to put in force, and the decisions that led to it. */
export interface Choice {
  readonly config: JsonObject | null
  readonly collisions: readonly Decided[]
}

/**
 * Rule 6: merges and puts the result in force, or opens a conflict, during which the device keeps running its config.
 */
export function reconcile(turn: Turn, meeting: Meeting): void {
  const chosen = cloudsResolution(turn, meeting.remote)
  let choice = mergeMeeting(turn, meeting, chosen)
  let problems = problemsOf(choice.config, turn.env)
  if (problems.length > 0 && chosen !== undefined && problemsOf(meeting.remote.config, turn.env).length === 0) {
    choice = whole(meeting, meeting.remote.config, 'resolved by cloud') // the cloud decided, its config is valid
    problems = []
  }
  if (problems.length > 0 || choice.collisions.some(({ decision }) => decision.manual)) {
    return dispute(turn, meeting, { collisions: choice.collisions, problems })
  }
  const made = dominate(turn, meeting, { ...choice, why: meeting.fork ? 'fork' : 'merged', by: meeting.remote.by })
  turn.count(meeting.fork ? 'fork' : 'merged', ancestorName(meeting))
  const take = chosen === undefined ? 'merged' : 'cloud'
  settle(turn, { take, by: meeting.remote.by, rev: made.rev, at: turn.env.now })
  if (meeting.fork) alarmFork(turn, meeting)
}

/**
 * Merges by the rules and policies.
 * @param chosen paths that the cloud has decided
 * @param undecided the side to take at places that a person must decide; undefined: they stay open
 */
export function mergeMeeting(
  turn: Turn,
  { ancestor, edge, remote }: Meeting,
  chosen?: readonly string[],
  undecided?: 'edge' | 'cloud',
): Choice {
  const { rules, custom } = turn.env
  const decide = decider(rules, { custom, newer: () => newer(turn, edge, remote) })
  const merged = merge(ancestor?.config ?? MISSING, edge.config ?? MISSING, remote.config ?? MISSING, {
    twoWay: ancestor === null,
    keyedArrays: rules.keyedArrays,
    ...(chosen !== undefined && { cloudsChoice: chosen }),
    decide(collision): Decision {
      if (chosen !== undefined) return { manual: false, value: collision.cloud, why: 'resolved by cloud' }
      const decision = decide(collision)
      if (!decision.manual || undecided === undefined) return decision
      return { manual: false, value: collision[undecided], why: `resolved by ${undecided}` }
    },
  })
  return { config: merged.value === MISSING ? null : (merged.value as JsonObject), collisions: merged.collisions }
}

/** One config that replaces both: wherever the sides differ, the values that it does not have are lost. */
export function whole({ edge, remote }: Meeting, config: JsonObject | null, why: string): Choice {
  const sides = differences('', edge.config ?? MISSING, remote.config ?? MISSING)
  const collisions = sides.map(({ path, before, after }): Decided => {
    const value = at(config ?? MISSING, path)
    const values = { ...(before !== MISSING && { edge: before }), ...(after !== MISSING && { cloud: after }) }
    return { path, kind: 'merge', ...values, decision: { manual: false, value, why } }
  })
  return { config, collisions }
}

/** The paths that this revision decides if it resolves the open conflict or the one that was closed last. */
function cloudsResolution({ state }: Turn, { resolves }: Revision): readonly string[] | undefined {
  if (resolves === undefined) return undefined
  const { conflict, settled } = state
  if (conflict?.record.cid === resolves) {
    return disputedPaths(conflict.record)
  }
  return settled?.cid === resolves ? settled.disputed : undefined
}

export interface ReconcileOutcome extends Choice {
  readonly why: string
  /** Who made the changes, for the log at the edge. */
  readonly by: string
}

/** Makes a revision that includes both sides, and puts it in force. */
export function dominate(turn: Turn, { edge, remote }: Meeting, outcome: ReconcileOutcome): Revision {
  const { device, eMax, ei } = turn.state
  const { c, ci } = remote.rev
  const own = turn.has(6) ? { e: eMax + 1, ei } : { e: edge.rev.e, ei: edge.rev.ei }
  const made = revisionOf({
    rev: { c, ci, ...own },
    base: remote.rev,
    config: outcome.config,
    hlc: later(edge.hlc, remote.hlc),
    by: 'merge',
  })
  const lost = losses(outcome.collisions, { edge, cloud: remote }, made, { device, at: turn.env.now })
  turn.emit(...lost.map((change) => ({ kind: 'log' as const, change })))
  turn.change({ eMax: Math.max(eMax, own.e) })
  share(turn, remote)
  install(turn, made, outcome.why, outcome.by)
  return made
}

/** Opens or updates a conflict: a person must decide, and the device keeps running its config. */
export function dispute(
  turn: Turn,
  meeting: Meeting,
  found: { readonly collisions: readonly Decided[]; readonly problems: readonly string[] },
): void {
  const { state, env } = turn
  const { ancestor, edge, remote, fork } = meeting
  const kind = fork ? 'fork' : kindOf(meeting, found.collisions)
  const clash: Clash = { kind, ancestor, edge, runs: state.cur !== null, remote, ...found }
  const conflict = openConflict(state.conflict ?? undefined, clash, {
    now: env.now,
    clockSynced: env.clockSynced,
    deadlineMs: env.rules.conflictDeadlineMs,
  })
  if (conflict === state.conflict) return
  turn.change({ conflict })
  turn.emit({ kind: 'enqueue', what: 'conflict' })
  turn.count('conflict')
  if (fork) alarmFork(turn, meeting)
  else
    alarm(turn, 'conflict', `a person must decide what device "${state.device}" runs (conflict ${conflict.record.cid})`)
}

/** The common ancestor of the merge, for the log. */
function ancestorName({ ancestor }: Meeting): string {
  return ancestor === null ? 'unknown ancestor' : formatRev(ancestor.rev)
}

function kindOf({ ancestor }: Meeting, collisions: readonly Decided[]): ConflictKind {
  if (ancestor === null) return 'two_way'
  const open = collisions.filter(({ decision }) => decision.manual)
  if (open.length === 0) return 'schema'
  return open.every(({ kind }) => kind === 'delete_modify') ? 'delete_modify' : 'merge'
}

function alarmFork(turn: Turn, { remote }: Meeting): void {
  const name = formatRev(remote.rev)
  alarm(turn, 'fork', `two configs of device "${turn.state.device}" have the name ${name}: was a database copied back?`)
}

export function alarm(turn: Turn, name: 'fork' | 'conflict' | 'overdue' | 'silent' | 'drifted', message: string): void {
  turn.emit({ kind: 'alarm', name, message })
}

/** Policy `lww`: compares the clocks if both can be trusted; otherwise, and if they are equal, the cloud wins. */
function newer({ env }: Turn, edge: Revision, remote: Revision): Newer {
  const ours = parseHlc(edge.hlc)
  const theirs = parseHlc(remote.hlc)
  if (!env.clockSynced) return { side: 'cloud', why: 'lww: own clock not synchronized' }
  if (!ours || !theirs || isAhead(theirs, env.now) || isAhead(ours, env.now)) {
    return { side: 'cloud', why: 'lww: a clock is more than 5 min ahead' }
  }
  return { side: compareHlc(ours, theirs) > 0 ? 'edge' : 'cloud', why: 'lww' }
}

/** A merge is as new as the newest edit in it. */
function later(a: string, b: string): string {
  const [first, second] = [parseHlc(a), parseHlc(b)]
  return first && second && compareHlc(first, second) > 0 ? a : b
}
