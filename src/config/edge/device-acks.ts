import { hashOf } from '../canonical.ts'
import { RESOLVED_SHOWN_MS } from '../conflict.ts'
import { sameRev } from '../revision.ts'
import { edit, resolve } from './local-edits.ts'
import { alarm } from './reconcile.ts'
import {
  ACK_ATTEMPTS_MAX,
  ACK_WAIT_MS,
  type Applied,
  type EdgeEvent,
  type EdgeState,
  HEAD_AGAIN_MS,
  TOMBSTONE_KEPT_MS,
} from './state.ts'
import { isDue, problemsOf, publishHeadAgain, publishLocal, type Turn } from './turn.ts'

/**
 * Handles the answer of the device. Only an answer with the hash of the config in force makes the status `applied`. An
 * answer that names an older revision is ignored: otherwise edge and device would answer each other for ever.
 */
export function onAck(turn: Turn, { rev, hash, code, message }: Extract<EdgeEvent, { kind: 'ack' }>): void {
  const { cur, applied } = turn.state
  if (cur === null || (rev !== undefined && !sameRev(rev, cur.rev))) return
  if (hash === cur.hash && code === 200) {
    return report(turn, { ...applied, status: 'applied', due: null, code, message, confirmed: { rev: cur.rev, hash } })
  }
  if (hash !== cur.hash && rev === undefined) return
  const status = code === 200 ? 'drifted' : 'refused'
  report(turn, { ...applied, status, due: null, code, message })
}

/** Handles a message with the config that the device runs. With the current name and another content it is an edit. */
export function onDevice(turn: Turn, { rev, config }: Extract<EdgeEvent, { kind: 'device' }>): void {
  const { cur, device } = turn.state
  const hash = hashOf(config)
  if (hash === cur?.hash) return onAck(turn, { kind: 'ack', ...(rev && { rev }), hash, code: 200, message: '' })
  if (cur === null || rev === undefined || !sameRev(rev, cur.rev)) return
  const problems = problemsOf(config, turn.env)
  if (problems.length === 0) return edit(turn, config, `device:${device}`)
  report(turn, {
    ...turn.state.applied,
    status: 'drifted',
    due: null,
    code: 400,
    message: problems.join('; ').slice(0, 512),
  })
}

function report(turn: Turn, next: Applied): void {
  const { applied, device } = turn.state
  if (next.status === applied.status && next.code === applied.code && next.message === applied.message) {
    if (sameRev(next.confirmed?.rev, applied.confirmed?.rev)) return
  }
  turn.change({ applied: next })
  turn.emit({ kind: 'enqueue', what: 'reported' })
  if (next.status === 'drifted') alarm(turn, 'drifted', `device "${device}" runs another config than it names`)
  if (next.status === 'silent') alarm(turn, 'silent', `device "${device}" does not acknowledge its config`)
}

/** Does everything that is due. Cheap if nothing is; `nextDue` returns the next time. */
export function onTick(turn: Turn): void {
  const { now } = turn.env
  const { applied, headAgain, settled } = turn.state
  if (applied.due !== null && isDue(applied.due, ACK_WAIT_MS, now)) {
    if (applied.attempts < ACK_ATTEMPTS_MAX) publishLocal(turn, applied.attempts + 1)
    else report(turn, { ...applied, status: 'silent', due: null })
  }
  if (headAgain?.due) {
    if (sameRev(turn.state.cur?.rev, turn.state.base?.rev)) turn.change({ headAgain: { ...headAgain, due: false } })
    else publishHeadAgain(turn)
  }
  if (settled?.shown && isDue(settled.shown.until, RESOLVED_SHOWN_MS, now)) {
    turn.change({ settled: { ...settled, shown: null } })
    turn.emit({ kind: 'enqueue', what: 'conflict' })
  }
  if (turn.env.clockSynced) passDeadlines(turn)
}

/** What happens once a time has passed, and cannot be undone. Times that a wrong clock gave start again from now. */
function passDeadlines(turn: Turn): void {
  const { now, rules } = turn.env
  const { conflict, tombstone } = turn.state
  if (conflict?.untimed) {
    const record = { ...conflict.record, opened: now, deadline: now + rules.conflictDeadlineMs }
    turn.change({ conflict: { ...conflict, record, untimed: false } })
    turn.emit({ kind: 'enqueue', what: 'conflict' })
  } else if (conflict !== null && !conflict.overdue && now >= conflict.record.deadline) overdue(turn)
  if (tombstone?.untimed) return turn.change({ tombstone: { ...tombstone, since: now, untimed: false } })
  if (tombstone !== null && !tombstone.purged && now >= tombstone.since + TOMBSTONE_KEPT_MS) purge(turn)
}

function overdue(turn: Turn): void {
  const conflict = turn.state.conflict!
  const { cid } = conflict.record
  turn.change({ conflict: { ...conflict, overdue: true } })
  alarm(turn, 'overdue', `conflict ${cid} of device "${turn.state.device}" was not decided before its deadline`)
  const { afterDeadline } = turn.env.rules
  if (afterDeadline !== 'wait') resolve(turn, cid, afterDeadline, 'deadline')
}

/** Both sides have had the tombstone long enough. Its name is kept, so that no older revision can come back. */
function purge(turn: Turn): void {
  if (turn.state.conflict !== null) return
  turn.change({ tombstone: { ...turn.state.tombstone!, purged: true }, ring: [], settled: null, answers: [] })
  turn.emit({ kind: 'enqueue', what: 'head' }, { kind: 'enqueue', what: 'reported' }, { kind: 'forget' })
  turn.emit({ kind: 'publishLocal', payload: '' })
}

/** When the next `tick` has something to do, UTC milliseconds; undefined: not before another event. */
export function nextDue({ applied, headAgain, settled, conflict, tombstone }: EdgeState): number | undefined {
  const times = [
    applied.due,
    headAgain?.due ? headAgain.at + HEAD_AGAIN_MS : null,
    settled?.shown?.until,
    // A time that a wrong clock gave starts again as soon as the clock is right: each tick checks.
    conflict !== null && !conflict.overdue ? (conflict.untimed ? 0 : conflict.record.deadline) : null,
    tombstone !== null && !tombstone.purged ? (tombstone.untimed ? 0 : tombstone.since + TOMBSTONE_KEPT_MS) : null,
  ].filter((time) => typeof time === 'number')
  return times.length === 0 ? undefined : Math.min(...times)
}
