import { checkConfig, type Parsed } from '../document.ts'
import { formatHlc, tick } from '../hlc.ts'
import { equal, type Json, type JsonObject, MISSING } from '../json.ts'
import { applyMergePatch } from '../patch.ts'
import { formatRev, sameRev } from '../revision.ts'
import type { Edit } from '../wire.ts'
import { type Choice, dominate, type Meeting, mergeMeeting, reconcile, whole } from './reconcile.ts'
import { ANSWERS_MAX, type EdgeEvent, type SetResult } from './state.ts'
import { install, problemsOf, revisionOf, settle, type Turn } from './turn.ts'

/** Makes an edit by an operator or a device at once, whatever the state of the link is. */
export function onSet(turn: Turn, { set, by }: Extract<EdgeEvent, { kind: 'set' }>): void {
  if (answeredBefore(turn, set.id)) return
  const { cur } = turn.state
  if (set.ifRev !== undefined && !sameRev(set.ifRev, cur?.rev)) {
    const now = cur === null ? 'there is no config' : `${formatRev(cur.rev)} is in force`
    return answer(turn, set.id, 409, `the edit is for ${formatRev(set.ifRev)}, but ${now}: read it and edit again`)
  }
  const edited = apply(cur?.config ?? null, set)
  if (!edited.ok) {
    turn.count('refused', edited.reason)
    return answer(turn, set.id, edited.code, edited.reason)
  }
  const problems = problemsOf(edited.value, turn.env)
  if (problems.length > 0) {
    turn.count('refused', 'schema')
    return answer(turn, set.id, 400, `the schema refuses it (${problems.join('; ').slice(0, 512)}): correct the edit`)
  }
  edit(turn, edited.value, by)
  answer(turn, set.id, 200, '')
}

/** The config after an edit; null: deleted. A deleted config is edited like an empty one. */
export function apply(config: JsonObject | null, change: Edit): Parsed<JsonObject | null> {
  if (change.delete) return { ok: true, value: null }
  if (change.config !== undefined) return checkConfig(change.config)
  const patch = checkConfig(change.patch)
  return patch.ok ? checkConfig(applyMergePatch(config ?? {}, patch.value)) : patch
}

/** Makes and installs the edge's next revision and computes an open conflict again. Does nothing if nothing changes. */
export function edit(turn: Turn, config: JsonObject | null, by: string): void {
  const { cur, base, eMax, ei, clock, maxCi, conflict } = turn.state
  if (equal(cur?.config ?? MISSING, config ?? MISSING)) return
  const hlc = tick(clock, turn.env.now)
  const { c, ci } = cur?.rev ?? { c: 0, ci: maxCi }
  const rev = { c, ci, e: eMax + 1, ei }
  const next = revisionOf({ rev, base: base?.rev ?? null, config, hlc: formatHlc(hlc), by })
  turn.change({ eMax: eMax + 1, clock: hlc })
  install(turn, next, 'edit')
  turn.count('edited')
  if (conflict === null) return
  const { ancestor, remote, record } = conflict
  reconcile(turn, { ancestor, edge: next, remote, fork: record.kind === 'fork' })
}

/** Handles the decision of a person at the edge about the open conflict. */
export function onResolve(turn: Turn, { id, cid, take, by }: Extract<EdgeEvent, { kind: 'resolve' }>): void {
  if (answeredBefore(turn, id)) return
  const refusal = resolve(turn, cid, take, by)
  if (refusal === undefined) return answer(turn, id, 200, '')
  answer(turn, id, refusal.code, refusal.reason)
}

interface Refused {
  readonly code: 400 | 409 | 413
  readonly reason: string
}

/** Closes the conflict with one revision that includes both sides, or returns why it cannot. */
export function resolve(
  turn: Turn,
  cid: string,
  take: 'edge' | 'cloud' | { readonly config: Json },
  by: string,
): Refused | undefined {
  const { conflict, cur } = turn.state
  if (conflict === null || conflict.record.cid !== cid) {
    const open = conflict === null ? 'none is open' : `${conflict.record.cid} is open`
    return { code: 409, reason: `conflict ${cid} cannot be resolved, ${open}: read the conflict again` }
  }
  if (cur === null && take === 'edge')
    return { code: 400, reason: 'the edge has no config that could be taken: take `cloud` or a file' }
  const meeting = { ...conflict, edge: cur ?? conflict.remote }
  const outcome = decided(turn, meeting, take)
  if (!outcome.ok) return outcome
  const problems = problemsOf(outcome.value.config, turn.env)
  if (problems.length > 0) {
    return {
      code: 400,
      reason: `the schema refuses it (${problems.join('; ').slice(0, 512)}): give a config`,
    }
  }
  const taken = typeof take === 'string' ? take : 'config'
  const made = dominate(turn, meeting, { ...outcome.value, why: `resolved by ${by}`, by })
  settle(turn, { take: taken, by, rev: made.rev, at: turn.env.now })
  return undefined
}

/** The side is taken only at the places that need a person; if the merge itself was refused, as a whole. */
function decided(turn: Turn, meeting: Meeting, take: 'edge' | 'cloud' | { readonly config: Json }): Parsed<Choice> {
  if (typeof take !== 'string') {
    const given = checkConfig(take.config)
    return given.ok ? { ok: true, value: whole(meeting, given.value, 'resolved by config') } : given
  }
  const merged = mergeMeeting(turn, meeting, undefined, take)
  if (problemsOf(merged.config, turn.env).length === 0 && turn.state.conflict?.record.kind !== 'schema') {
    return { ok: true, value: merged }
  }
  const side = take === 'edge' ? meeting.edge : meeting.remote
  return { ok: true, value: whole(meeting, side.config, `resolved by ${take}`) }
}

function answeredBefore(turn: Turn, id: string): boolean {
  const before = turn.state.answers.find((one) => one.id === id)
  if (before === undefined) return false
  turn.emit({ kind: 'result', result: before })
  turn.count('repeated')
  return true
}

function answer(turn: Turn, id: string, code: SetResult['code'], message: string): void {
  const result: SetResult = { id, code, rev: turn.state.cur?.rev ?? null, message }
  turn.change({ answers: [...turn.state.answers, result].slice(-ANSWERS_MAX) })
  turn.emit({ kind: 'result', result })
}
