import { hashOf } from './canonical.ts'
import { type Change, changesBetween } from './changes.ts'
import type { Parsed } from './document.ts'
import { apply } from './edge/local-edits.ts'
import { TOMBSTONE_KEPT_MS } from './edge/state.ts'
import { formatHlc, type Hlc, isAhead, parseHlc, receive, tick } from './hlc.ts'
import { equal, type JsonObject, MISSING } from './json.ts'
import { formatRev, includes, NO_EDGE, type Rev, type Revision, sameRev } from './revision.ts'
import { type Edit, renderRevision } from './wire.ts'

/**
 * Everything that the cloud knows about the config of one device, as plain JSON. The cloud sequences; it never merges.
 */
export interface AuthorityState {
  readonly device: string
  /** Incarnation of this cloud; raised whenever its database is restored to an earlier state. */
  readonly ci: number
  /** The largest `c` assigned in this incarnation. */
  readonly cMax: number
  readonly cur: Revision | null
  readonly clock: Hlc
  /** Since when both sides have the tombstone (UTC ms), and whether it has been purged. */
  readonly tombstone: { readonly since: number; readonly purged: boolean } | null
}

export type AuthorityEvent =
  /** An edit in the cloud. With `resolves` it closes that conflict, and makes a revision even if nothing changes. */
  | {
      readonly kind: 'write'
      readonly edit: Edit
      readonly by: string
      readonly ifRev?: Rev
      readonly resolves?: string
    }
  /** A message on the head topic, as `parseRevision` read it. */
  | { readonly kind: 'head'; readonly revision: Revision }
  | { readonly kind: 'malformed'; readonly reason: string }
  /** The database was restored to an earlier state. `seen`: every `ci` in the retained messages of the broker. */
  | { readonly kind: 'restore'; readonly seen: readonly number[] }
  /** The process started: messages that it published before may be lost. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'tick' }

export interface AuthorityEnv {
  /** UTC milliseconds. */
  readonly now: number
  /** Why the JSON Schema of the device refuses a config; empty: it does not, or there is none. */
  check(config: JsonObject): readonly string[]
}

export type AuthorityCount = 'malformed' | 'same' | 'accepted' | 'refused' | 'imported' | 'written'

/** `log`, `keep` and `count` belong in the transaction of the new state; do `publishDesired` and `result` after it. */
export type AuthorityEffect =
  | { readonly kind: 'log'; readonly change: Change }
  | { readonly kind: 'keep'; readonly revision: Revision }
  | { readonly kind: 'count'; readonly name: AuthorityCount; readonly reason?: string }
  /** Publish retained on the desired topic; an empty payload clears it. */
  | { readonly kind: 'publishDesired'; readonly payload: string }
  | {
      readonly kind: 'result'
      readonly code: 200 | 400 | 409 | 413
      readonly rev: Rev | null
      readonly message: string
    }

export interface AuthorityStep {
  readonly state: AuthorityState
  readonly effects: readonly AuthorityEffect[]
}

export function newAuthorityState(device: string): AuthorityState {
  return { device, ci: 0, cMax: 0, cur: null, clock: { ms: 0, counter: 0, node: 'cloud' }, tombstone: null }
}

/** Handles one event for one device in the cloud. Pure, like `step` for the edge. */
export function authorityStep(state: AuthorityState, event: AuthorityEvent, env: AuthorityEnv): AuthorityStep {
  switch (event.kind) {
    case 'write':
      return onWrite(state, event, env)
    case 'head':
      return onHead(state, event.revision, env)
    case 'malformed':
      return { state, effects: [{ kind: 'count', name: 'malformed', reason: event.reason }] }
    case 'restore':
      return published(renewed(state, event.seen))
    case 'restart':
      return published(state)
    case 'tick':
      return onTick(state, env)
  }
}

/** The payload for the desired topic; '' clears the topic. */
export function desiredMessage({ device, cur, tombstone }: AuthorityState): string {
  return cur === null || tombstone?.purged ? '' : renderRevision(device, cur)
}

/**
 * A cloud without a config publishes nothing. Retained messages from its past show a later restore which incarnations
 * existed, and the config comes back from an edge.
 */
function published(state: AuthorityState, ...effects: readonly AuthorityEffect[]): AuthorityStep {
  if (state.cur === null) return { state, effects }
  return { state, effects: [...effects, { kind: 'publishDesired', payload: desiredMessage(state) }] }
}

type Write = Extract<AuthorityEvent, { kind: 'write' }>

function onWrite(state: AuthorityState, write: Write, env: AuthorityEnv): AuthorityStep {
  const { cur } = state
  if (write.ifRev !== undefined && !sameRev(write.ifRev, cur?.rev)) {
    const now = cur === null ? 'there is no config' : `${formatRev(cur.rev)} is in force`
    const reason = `the edit is for ${formatRev(write.ifRev)}, but ${now}: read it and edit again`
    return { state, effects: [{ kind: 'result', code: 409, rev: cur?.rev ?? null, message: reason }] }
  }
  const edited = checked(apply(cur?.config ?? null, write.edit), env)
  if (!edited.ok) {
    return { state, effects: [{ kind: 'result', code: edited.code, rev: cur?.rev ?? null, message: edited.reason }] }
  }
  if (equal(cur?.config ?? MISSING, edited.value ?? MISSING) && write.resolves === undefined) {
    return { state, effects: [{ kind: 'result', code: 200, rev: cur?.rev ?? null, message: '' }] }
  }
  const clock = tick(state.clock, env.now)
  const { e, ei } = cur?.rev ?? NO_EDGE
  const made = {
    rev: { c: state.cMax + 1, ci: state.ci, e, ei },
    base: cur?.rev ?? null,
    ...content(edited.value),
    hlc: formatHlc(clock),
    by: write.by,
    ...(write.resolves !== undefined && { resolves: write.resolves }),
  }
  const result = { kind: 'result', code: 200, rev: made.rev, message: '' } as const
  return store({ ...state, clock, cMax: made.rev.c }, made, { count: 'written', why: 'edit', result }, env)
}

function checked(edited: Parsed<JsonObject | null>, env: AuthorityEnv): Parsed<JsonObject | null> {
  const problems = edited.ok && edited.value !== null ? env.check(edited.value) : []
  if (problems.length === 0) return edited
  return {
    ok: false,
    code: 400,
    reason: `the schema refuses it (${problems.join('; ').slice(0, 512)}): correct the edit`,
  }
}

/** A restored database continues in a new incarnation, so that no name is assigned twice. */
function renewed(state: AuthorityState, seen: readonly number[]): AuthorityState {
  const ci = Math.max(state.ci, ...seen) + 1
  const cur = state.cur && { ...state.cur, rev: { ...state.cur.rev, ci } }
  return { ...state, ci, cur, tombstone: null }
}

/**
 * Accepts a head that includes what the cloud has; otherwise publishes the desired message, so that the edge merges.
 */
function onHead(before: AuthorityState, head: Revision, env: AuthorityEnv): AuthorityStep {
  const state = { ...before, clock: heard(before.clock, head, env.now) }
  const { cur, ci } = state
  if (cur === null) return importHead(state, head, env)
  if (sameRev(cur.rev, head.rev) && cur.hash === head.hash) return onSame(state, env)
  if (!mayFollow(cur, head, ci)) {
    const next = hasForgotten(state, head.rev) ? renewed(state, [head.rev.ci]) : state
    return published(next, counted('refused', formatRev(head.rev)))
  }
  const cMax = Math.max(state.cMax, head.rev.c)
  return store({ ...state, cMax }, head, { count: 'accepted', why: 'edge' }, env)
}

/**
 * Whether a head has a `ci` or `c` that this cloud never assigned: its database was restored without a `restore` event.
 */
function hasForgotten({ ci, cMax }: AuthorityState, head: Rev): boolean {
  return head.ci > ci || (head.ci === ci && head.c > cMax)
}

/** Whether a head includes everything that the cloud has. A head with the same name but another content does not. */
function mayFollow(cur: Revision, head: Revision, ci: number): boolean {
  if (head.rev.ci !== ci) return false
  if (head.rev.ei !== cur.rev.ei) return sameRev(head.base, cur.rev)
  return includes(head.rev, cur.rev) && !sameRev(head.rev, cur.rev)
}

/**
 * The cloud has no config, so nothing can be lost. A head that never met a cloud keeps its name. Any other head means
 * that this cloud lost its database: then the content gets a name in a new incarnation.
 */
function importHead(state: AuthorityState, head: Revision, env: AuthorityEnv): AuthorityStep {
  if (head.base === null && head.rev.ci === state.ci) return store(state, head, { count: 'imported', why: 'edge' }, env)
  const { ci } = head.rev.ci < state.ci ? state : renewed(state, [head.rev.ci])
  const c = state.cMax + 1
  const made = { ...head, rev: { ...head.rev, c, ci }, base: head.rev }
  return store({ ...state, ci, cMax: c }, made, { count: 'imported', why: 'edge' }, env)
}

/** The edge has the revision of the cloud. */
function onSame(state: AuthorityState, { now }: AuthorityEnv): AuthorityStep {
  const effects = [counted('same')]
  if (state.cur?.config !== null || state.tombstone !== null) return { state, effects }
  return { state: { ...state, tombstone: { since: now, purged: false } }, effects }
}

interface Storing {
  readonly count: AuthorityCount
  readonly why: string
  readonly result?: AuthorityEffect
}

/** Puts a revision in force and publishes it. For a head, that is the acknowledgement. */
function store(
  state: AuthorityState,
  next: Revision,
  { count, why, result }: Storing,
  env: AuthorityEnv,
): AuthorityStep {
  const cause = { device: state.device, at: env.now, why }
  const changes = changesBetween(state.cur ?? undefined, next, cause)
  const buried = next.config === null && count !== 'written'
  return published(
    { ...state, cur: next, tombstone: buried ? { since: env.now, purged: false } : null },
    ...changes.map((change) => ({ kind: 'log' as const, change })),
    { kind: 'keep', revision: next },
    counted(count),
    ...(result === undefined ? [] : [result]),
  )
}

function onTick(state: AuthorityState, { now }: AuthorityEnv): AuthorityStep {
  const { tombstone } = state
  if (tombstone === null || tombstone.purged || now < tombstone.since + TOMBSTONE_KEPT_MS) return { state, effects: [] }
  return published({ ...state, tombstone: { ...tombstone, purged: true } })
}

function content(config: JsonObject | null): Pick<Revision, 'config' | 'hash'> {
  return { config, hash: hashOf(config) }
}

function counted(name: AuthorityCount, reason?: string): AuthorityEffect {
  return { kind: 'count', name, ...(reason !== undefined && { reason }) }
}

function heard(clock: Hlc, { hlc }: Revision, now: number): Hlc {
  const theirs = parseHlc(hlc)
  return theirs === undefined || isAhead(theirs, now) ? clock : receive(clock, theirs, now)
}
