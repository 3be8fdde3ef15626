import type { Change } from '../changes.ts'
import type { Conflict, Settled } from '../conflict.ts'
import type { Hlc } from '../hlc.ts'
import type { Json, JsonObject } from '../json.ts'
import type { ConflictRules, CustomMerge } from '../policies.ts'
import type { Rev, Revision } from '../revision.ts'
import type { DesiredMessage, LocalSet } from '../wire.ts'

/** Everything that the edge knows of one device's config: plain JSON, at most about 500 KiB, and mostly two configs. */
export interface EdgeState {
  readonly device: string
  /** This database's incarnation: every counter `e` that it gives goes with it. */
  readonly ei: string
  /** The largest `e` ever used. New ones come from here, never from `cur`, so that none is given twice. */
  readonly eMax: number
  /** The largest cloud incarnation ever seen; an older cloud is not listened to. */
  readonly maxCi: number
  /** What is in force; null for a device that never had a config. After a purge its tombstone stays, as the floor. */
  readonly cur: Revision | null
  /** The newest revision that both sides have. */
  readonly base: Revision | null
  /**
   * Revisions of former edge databases that `base` includes although their counters cannot say so, at the same `c`: a
   * replay of one of them is stale. Survives a purge; at most 8.
   */
  readonly floor: readonly Rev[]
  /** Published and not acknowledged, oldest first. Any of them may turn out to be the ancestor of what comes. */
  readonly ring: readonly Revision[]
  readonly conflict: Conflict | null
  readonly settled: Settled | null
  readonly applied: Applied
  /** The own hybrid logical clock. */
  readonly clock: Hlc
  /** When the head was last published because the cloud was behind, and when that is due again. UTC ms. */
  readonly headAgain: { readonly at: number; readonly due: boolean } | null
  /** Answers to the latest local edits: a repeated one is answered again and changes nothing. */
  readonly answers: readonly SetResult[]
  /** Since when a tombstone is what both sides have, and whether all but it has been purged. UTC ms. */
  readonly tombstone: { readonly since: number; readonly purged: boolean } | null
}

/** What the device says of the config. */
export interface Applied {
  /**
   * pending: published, the device has not answered; applied: it runs this very content; refused: it answered with
   * another code; drifted: it says that it runs something else under this name; silent: it did not answer in time;
   * none: there is nothing to apply.
   */
  readonly status: 'none' | 'pending' | 'applied' | 'refused' | 'drifted' | 'silent'
  /** How often the config was published to it, and when the answer to that is overdue. UTC ms. */
  readonly attempts: number
  readonly due: number | null
  readonly code: number | null
  readonly message: string | null
  /** The last content that it confirmed. */
  readonly confirmed: { readonly rev: Rev; readonly hash: string } | null
}

export const RING_MAX = 8
export const FLOOR_MAX = 8
/** A cloud that is behind gets the head again, but not more often. */
export const HEAD_AGAIN_MS = 10_000
export const ACK_WAIT_MS = 30_000
export const ACK_ATTEMPTS_MAX = 3
export const TOMBSTONE_KEPT_MS = 30 * 86_400_000
export const ANSWERS_MAX = 16

/** What the operator has set for a device. */
export interface SyncRules extends ConflictRules {
  /** How a device gets its config: the bare config, or `{rev, hash, deleted, config}`. */
  readonly localForm: 'plain' | 'envelope'
  /** After so long an open conflict raises an alarm, and `afterDeadline` is done. */
  readonly conflictDeadlineMs: number
  readonly afterDeadline: 'wait' | 'cloud' | 'edge'
}

export const DEFAULT_RULES: SyncRules = {
  policies: [],
  deleteModify: 'keep',
  keyedArrays: [],
  localForm: 'plain',
  conflictDeadlineMs: 7 * 86_400_000,
  afterDeadline: 'wait',
}

/** The edge's rules for a desired revision (README.md); a test can drop one to see what it is good for. */
export type RuleNumber = 1 | 2 | 3 | 4 | 5 | 6

export interface EdgeEnv {
  /** UTC milliseconds. */
  readonly now: number
  /** Whether `now` can be believed; if not, `lww` is decided for the cloud. */
  readonly clockSynced: boolean
  readonly rules: SyncRules
  /** What the device's JSON Schema has against a config; empty: nothing, or there is no schema. */
  check(config: JsonObject): readonly string[]
  readonly custom: CustomMerge
  readonly without?: ReadonlySet<RuleNumber>
}

export type EdgeEvent =
  /** A message on the desired topic, as `parseDesired` read it. */
  | { readonly kind: 'desired'; readonly message: DesiredMessage }
  /** A message on the local set topic, as `parseSet` read it. `by`: `user:…` or `device:…`. */
  | { readonly kind: 'set'; readonly set: LocalSet; readonly by: string }
  /** A message on a topic of the device or the cloud that could not be read. */
  | { readonly kind: 'malformed'; readonly reason: string }
  /** The device's answer. A device that does not know revisions leaves `rev` out. */
  | { readonly kind: 'ack'; readonly rev?: Rev; readonly hash: string; readonly code: number; readonly message: string }
  /** The device runs this config: it was edited there, unless `rev` is an older one. */
  | { readonly kind: 'device'; readonly rev?: Rev; readonly config: JsonObject }
  /** An operator at the edge decides. */
  | {
      readonly kind: 'resolve'
      readonly id: string
      readonly cid: string
      readonly take: 'edge' | 'cloud' | { readonly config: Json }
      readonly by: string
    }
  /** A cloud topic is about to be published: the answer is an effect `publish`. Commit, then publish. */
  | { readonly kind: 'sending'; readonly what: CloudTopic }
  /** The process began: what it had published may be lost. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'tick' }

/** What of a device is published to the cloud by the edge. */
export type CloudTopic = 'head' | 'reported' | 'conflict'

export interface SetResult {
  readonly id: string
  readonly code: 200 | 400 | 409 | 413 | 429
  readonly rev: Rev | null
  /** What was attempted and what to do, where it was refused. */
  readonly message: string
}

/** What happened, to be counted per device. */
export type EdgeCount =
  | 'malformed'
  | 'stale'
  | 'repeated'
  | 'acknowledged'
  | 'forwarded'
  | 'adopted'
  | 'merged'
  | 'conflict'
  | 'resolved'
  | 'fork'
  | 'edited'
  | 'refused'

/**
 * What is to be done. `enqueue`, `log`, `keep`, `count` and `forget` belong into the transaction of the new state; the others are
 * done after it and may be lost with the process: `restart` asserts again what matters of them.
 */
export type EdgeEffect =
  /** Put "publish the present `what`" into the operations queue; once is enough. */
  | { readonly kind: 'enqueue'; readonly what: CloudTopic }
  | { readonly kind: 'log'; readonly change: Change }
  /** Keep it among the 20 latest revisions of the device. */
  | { readonly kind: 'keep'; readonly revision: Revision }
  | { readonly kind: 'count'; readonly name: EdgeCount; readonly reason?: string }
  /** Drop the kept revisions: the tombstone is purged. */
  | { readonly kind: 'forget' }
  /** Publish retained to the device; an empty payload clears the topic. */
  | { readonly kind: 'publishLocal'; readonly payload: string }
  | { readonly kind: 'result'; readonly result: SetResult }
  /** Publish retained to the cloud; an empty payload clears the topic. */
  | { readonly kind: 'publish'; readonly what: CloudTopic; readonly payload: string }
  | {
      readonly kind: 'alarm'
      readonly name: 'fork' | 'conflict' | 'overdue' | 'silent' | 'drifted'
      readonly message: string
    }

export interface EdgeStep {
  readonly state: EdgeState
  readonly effects: readonly EdgeEffect[]
}

/** @param ei random for every new database, 1 to 32 of A–Z a–z 0–9 _ - */
export function newEdgeState(device: string, ei: string): EdgeState {
  return {
    device,
    ei,
    eMax: 0,
    maxCi: 0,
    cur: null,
    base: null,
    floor: [],
    ring: [],
    conflict: null,
    settled: null,
    applied: { status: 'none', attempts: 0, due: null, code: null, message: null, confirmed: null },
    clock: { ms: 0, counter: 0, node: ei },
    headAgain: null,
    answers: [],
    tombstone: null,
  }
}
