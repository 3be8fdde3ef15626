import { hashOf } from '../canonical.ts'
import { formatHlc, isAhead, parseHlc, receive } from '../hlc.ts'
import { includes, NO_EDGE, type Rev, type Revision, sameRev } from '../revision.ts'
import type { DesiredMessage } from '../wire.ts'
import { dispute, reconcile } from './reconcile.ts'
import type { EdgeState } from './state.ts'
import { install, problemsOf, publishHeadAgain, settle, share, type Turn } from './turn.ts'

/** Handles a desired message by the rules of the edge, numbered as in README.md. */
export function onDesired(turn: Turn, message: DesiredMessage): void {
  if (message.form === 'empty') return
  const desired = message.form === 'full' ? message.revision : named(turn, message)
  const { maxCi } = turn.state
  if (turn.has(1) && desired.rev.ci < maxCi) return turn.count('stale') // rule 1
  seen(turn, desired)
  if (turn.has(2) && isFork(turn.state, desired)) return onFork(turn, desired) // rule 2
  if (turn.has(3) && isStale(turn.state, desired)) return onStale(turn, desired) // rule 3
  const { cur } = turn.state
  if (cur === null) return adopt(turn, desired, 'adopted')
  if (!turn.has(4) || includes(desired.rev, cur.rev)) return fastForward(turn, cur, desired) // rule 4
  onConcurrent(turn, cur, desired) // rules 5 and 6
}

/** Names the config of a simple cloud: its name continues the newest revision that both sides have. */
function named(turn: Turn, message: Exclude<DesiredMessage, { form: 'full' | 'empty' }>): Revision {
  const { base, conflict, maxCi } = turn.state
  const hash = hashOf(message.config)
  const latest = conflict?.remote ?? base
  const bareC = latest === null ? 1 : latest.hash === hash ? latest.rev.c : latest.rev.c + 1
  const c = message.form === 'versioned' ? message.version : bareC
  const { e, ei } = base?.rev ?? NO_EDGE
  const hlc = formatHlc({ ms: Math.max(0, turn.env.now), counter: 0, node: 'cloud' })
  return { rev: { c, ci: maxCi, e, ei }, base: base?.rev ?? null, hash, config: message.config, hlc, by: 'cloud' }
}

function seen(turn: Turn, { rev, hlc }: Revision): void {
  const theirs = parseHlc(hlc)
  const { clock, maxCi } = turn.state
  turn.change({
    maxCi: Math.max(maxCi, rev.ci),
    ...(theirs !== undefined && !isAhead(theirs, turn.env.now) && { clock: receive(clock, theirs, turn.env.now) }),
  })
}

/** The revisions of the edge that the cloud may know, the likely ancestors first. */
function known({ ring, cur, base }: EdgeState): Revision[] {
  return [...ring, cur, base].filter((one) => one !== null)
}

function isFork(state: EdgeState, desired: Revision): boolean {
  return known(state).some(({ rev, hash }) => sameRev(rev, desired.rev) && hash !== desired.hash)
}

function onFork(turn: Turn, desired: Revision): void {
  const { cur } = turn.state
  if (cur === null) return adopt(turn, desired, 'adopted')
  reconcile(turn, { ancestor: null, edge: cur, remote: desired, fork: true })
}

/**
 * Whether this revision, or a newer one of the same cloud, is known: it was merged, or it is the cloud's side of the
 * open conflict (otherwise an older revision would replace the newer one there).
 */
function isStale({ base, floor, conflict }: EdgeState, { rev }: Revision): boolean {
  if (conflict !== null && !sameRev(rev, conflict.remote.rev) && isBehind(rev, conflict.remote)) return true
  return base !== null && (isBehind(rev, base) || floor.some((one) => includes(one, rev)))
}

/**
 * Whether `known` includes a revision, as far as names can show it. The counters of a previous edge database cannot be
 * compared; for those, `base` shows it.
 */
function isBehind(rev: Rev, known: Revision): boolean {
  if (known.rev.ci === rev.ci && rev.c < known.rev.c) return true
  return includes(known.rev, rev) || (known.base !== null && includes(known.base, rev))
}

/** Publishes the head again for a cloud that is behind; not during a conflict, because the cloud could not follow. */
function onStale(turn: Turn, { rev }: Revision): void {
  const { cur, conflict } = turn.state
  turn.count('stale')
  if (conflict === null && !sameRev(rev, cur?.rev)) publishHeadAgain(turn)
}

function fastForward(turn: Turn, cur: Revision, desired: Revision): void {
  if (sameRev(cur.rev, desired.rev)) {
    share(turn, desired)
    closedByCloud(turn, desired)
    return turn.count('acknowledged')
  }
  follow(turn, { ancestor: cur, desired, count: 'forwarded', why: 'cloud' })
}

/**
 * Takes a revision without a merge. Nothing at the edge is lost: it never changed anything, or has the same content.
 */
function adopt(turn: Turn, desired: Revision, why: string): void {
  follow(turn, { ancestor: null, desired, count: 'adopted', why })
}

interface Following {
  readonly ancestor: Revision | null
  readonly desired: Revision
  readonly count: 'forwarded' | 'adopted'
  readonly why: string
}

/** Takes the desired revision as it is, unless the schema of the device refuses it. */
function follow(turn: Turn, { ancestor, desired, count, why }: Following): void {
  const problems = problemsOf(desired.config, turn.env)
  if (problems.length > 0) {
    const edge = turn.state.cur ?? nothing(turn.state)
    return dispute(turn, { ancestor, edge, remote: desired }, { collisions: [], problems })
  }
  share(turn, desired)
  install(turn, desired, why)
  closedByCloud(turn, desired)
  turn.count(count)
}

function closedByCloud(turn: Turn, { by, rev }: Revision): void {
  settle(turn, { take: 'cloud', by, rev, at: turn.env.now })
}

/** The revision of a device that never had a config. */
function nothing({ ei }: EdgeState): Revision {
  return { rev: { c: 0, ci: 0, e: 0, ei }, base: null, hash: hashOf(null), config: null, hlc: '0-0-', by: '' }
}

function onConcurrent(turn: Turn, cur: Revision, desired: Revision): void {
  const { rev } = desired
  const ancestor = turn.has(5)
    ? known(turn.state).find((one) => one.rev.ci === rev.ci && one.rev.ei === rev.ei && one.rev.e === rev.e)
    : (turn.state.base ?? undefined)
  if (ancestor !== undefined) {
    if (turn.has(5) && sameRev(ancestor.rev, rev)) return acknowledge(turn, ancestor)
    return reconcile(turn, { ancestor, edge: cur, remote: desired })
  }
  const unchanged = turn.state.eMax === 0
  if (unchanged || cur.hash === desired.hash) return adopt(turn, desired, unchanged ? 'adopted' : 'same content')
  reconcile(turn, { ancestor: null, edge: cur, remote: desired })
}

/** The cloud has a revision that the edge published before the current one. */
function acknowledge(turn: Turn, acknowledged: Revision): void {
  const published = turn.state.ring.some(({ rev }) => sameRev(rev, turn.state.cur?.rev))
  const ring = turn.state.ring.filter(({ rev }) => rev.e > acknowledged.rev.e)
  share(turn, acknowledged, ring)
  turn.count('acknowledged')
  if (!published) turn.emit({ kind: 'enqueue', what: 'head' })
}
