import { hashOf } from '../canonical.ts'
import { changesBetween } from '../changes.ts'
import { closeConflict, type Resolution } from '../conflict.ts'
import { checkConfig } from '../document.ts'
import type { JsonObject } from '../json.ts'
import { type Rev, type Revision, sameRev } from '../revision.ts'
import { localPayload } from './messages.ts'
import {
  ACK_WAIT_MS,
  type EdgeCount,
  type EdgeEffect,
  type EdgeEnv,
  type EdgeState,
  FLOOR_MAX,
  HEAD_AGAIN_MS,
  type RuleNumber,
} from './state.ts'

/** An event that is being handled: the state so far, and the effects so far. */
export class Turn {
  state: EdgeState
  readonly env: EdgeEnv
  readonly effects: EdgeEffect[] = []

  constructor(state: EdgeState, env: EdgeEnv) {
    this.state = state
    this.env = env
  }

  change(part: Partial<EdgeState>): void {
    this.state = { ...this.state, ...part }
  }

  emit(...effects: readonly EdgeEffect[]): void {
    this.effects.push(...effects)
  }

  count(name: EdgeCount, reason?: string): void {
    this.emit({ kind: 'count', name, ...(reason !== undefined && { reason }) })
  }

  has(rule: RuleNumber): boolean {
    return this.env.without?.has(rule) !== true
  }
}

/** Whether a time has come, or the clock was set back so far that it would come much too late. All in milliseconds. */
export function isDue(at: number, periodMs: number, now: number): boolean {
  return now >= at || at - now > periodMs
}

/** Why a config is not allowed here: a limit, or the schema of the device. Empty: it is allowed. */
export function problemsOf(config: JsonObject | null, env: EdgeEnv): readonly string[] {
  if (config === null) return []
  const checked = checkConfig(config)
  return checked.ok ? env.check(config) : [checked.reason]
}

export interface EdgeStateDraft {
  readonly rev: Rev
  readonly base: Rev | null
  readonly config: JsonObject | null
  readonly hlc: string
  readonly by: string
}

export function revisionOf({ rev, base, config, hlc, by }: EdgeStateDraft): Revision {
  return { rev, base, hash: hashOf(config), config, hlc, by }
}

/** Records that both sides now have this revision. */
export function share(turn: Turn, next: Revision, ring: readonly Revision[] = []): void {
  const { base, floor } = turn.state
  const level = (rev: Rev): boolean => rev.ci === next.rev.ci && rev.c === next.rev.c && rev.ei !== next.rev.ei
  const below = [...floor, ...(base === null ? [] : [base.rev])].filter(level)
  turn.change({ base: next, ring, floor: below.slice(-FLOOR_MAX) })
}

/** Puts a revision in force: it is logged, kept, published to the device and queued for the cloud. */
export function install(turn: Turn, next: Revision, why: string, by = next.by): void {
  const { state, env } = turn
  const cause = { device: state.device, at: env.now, why }
  const changes = changesBetween(state.cur ?? undefined, next, cause)
  turn.emit(...changes.map((change) => ({ kind: 'log' as const, change: { ...change, by } })))
  turn.emit({ kind: 'keep', revision: next })
  const known = state.cur?.hash === next.hash && env.rules.localForm === 'plain'
  turn.change({ cur: next, tombstone: null })
  if (!known) publishLocal(turn, 1)
  turn.emit({ kind: 'enqueue', what: 'head' }, { kind: 'enqueue', what: 'reported' })
}

/** Publishes the config in force to the device, and starts to wait for its answer. */
export function publishLocal(turn: Turn, attempts: number): void {
  const { cur, applied } = turn.state
  turn.emit({ kind: 'publishLocal', payload: localPayload(turn.state, turn.env.rules.localForm) })
  turn.change({
    applied:
      cur === null || cur.config === null
        ? { status: 'none', attempts: 0, due: null, code: null, message: null, confirmed: null }
        : { ...applied, status: 'pending', attempts, due: turn.env.now + ACK_WAIT_MS, code: null, message: null },
  })
}

/** The cloud is behind: queues the head again, at once or after HEAD_AGAIN_MS since the last time. */
export function publishHeadAgain(turn: Turn): void {
  const { headAgain } = turn.state
  if (headAgain === null || isDue(headAgain.at + HEAD_AGAIN_MS, HEAD_AGAIN_MS, turn.env.now)) {
    turn.change({ headAgain: { at: turn.env.now, due: false } })
    turn.emit({ kind: 'enqueue', what: 'head' })
  } else if (!headAgain.due) {
    turn.change({ headAgain: { ...headAgain, due: true } })
  }
}

/** Closes the open conflict, if there is one. */
export function settle(turn: Turn, resolution: Resolution): void {
  const { conflict } = turn.state
  if (conflict === null) return
  turn.change({ conflict: null, settled: closeConflict(conflict, resolution) })
  turn.emit({ kind: 'enqueue', what: 'conflict' })
  turn.count('resolved')
}

/** Starts the age of a tombstone when both sides have it; clears it if anything else is in force. */
export function ageTombstone(turn: Turn): void {
  const { cur, base, tombstone } = turn.state
  const buried = cur !== null && cur.config === null && sameRev(cur.rev, base?.rev)
  if (buried && tombstone === null) {
    const { now, clockSynced } = turn.env
    turn.change({ tombstone: { since: now, purged: false, ...(!clockSynced && { untimed: true }) } })
  }
  if (!buried && tombstone !== null) turn.change({ tombstone: null })
}
