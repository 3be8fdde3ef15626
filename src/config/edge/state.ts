import type { Change } from '../changes.ts'
import type { Conflict, Settled } from '../conflict.ts'
import type { Hlc } from '../hlc.ts'
import type { Json, JsonObject } from '../json.ts'
import type { ConflictRules, CustomMerge } from '../policies.ts'
import type { Rev, Revision } from '../revision.ts'
import type { DesiredMessage, LocalSet } from '../wire.ts'

/**
 * Everything that the edge knows about the config of one device, as plain JSON: usually two configs, at most about 500
 * KiB.
 */
export interface EdgeState {
  readonly device: string
  /** Incarnation of this database; part of every name with a counter `e` from it. */
  readonly ei: string
  /** The largest `e` ever used. New ones continue from here, never from `cur`, so that none is assigned twice. */
  readonly eMax: number
  /** The largest cloud incarnation ever seen; messages of an older one are ignored. */
  readonly maxCi: number
  /** The revision in force; null: the device never had a config. After a purge the tombstone stays here. */
  readonly cur: Revision | null
  /** The newest revision that both sides have. */
  readonly base: Revision | null
  /**
   * Revisions of former edge databases, at the same `c`, that `base` includes although their counters cannot show it: a
   * replay of one of them is stale. Survives a purge; at most FLOOR_MAX.
   */
  readonly floor: readonly Rev[]
  /**
   * Revisions that are published and not acknowledged, oldest first. Each may be the ancestor of a later desired
   * message.
   */
  readonly ring: readonly Revision[]
  readonly conflict: Conflict | null
  readonly settled: Settled | null
  readonly applied: Applied
  /** The hybrid logical clock of this edge. */
  readonly clock: Hlc
  /** When the head was last published again because the cloud was behind (UTC ms), and whether that is due again. */
  readonly headAgain: { readonly at: number; readonly due: boolean } | null
  /** Answers to the latest local edits: a repeated edit gets its answer again and changes nothing. */
  readonly answers: readonly SetResult[]
  /** Since when both sides have the tombstone (UTC ms), and whether everything except it has been purged. */
  readonly tombstone: {
    readonly since: number
    readonly purged: boolean
    /** The clock could not be trusted at `since`: its age starts again when it can. */
    readonly untimed?: boolean
  } | null
}

/** What the device reports about its config. */
export interface Applied {
  /**
   * pending: published, and the device has not answered; applied: it runs exactly this content; refused: it answered
   * with another code; drifted: it reports another content under this name; silent: it did not answer in time; none:
   * there is nothing to apply.
   */
  readonly status: 'none' | 'pending' | 'applied' | 'refused' | 'drifted' | 'silent'
  /** How often the config was published to the device, and when its answer is overdue (UTC ms). */
  readonly attempts: number
  readonly due: number | null
  readonly code: number | null
  readonly message: string | null
  /** The last content that it confirmed. */
  readonly confirmed: { readonly rev: Rev; readonly hash: string } | null
}

export const RING_MAX = 8
export const FLOOR_MAX = 8
/** Shortest time between two heads for a cloud that is behind (milliseconds). */
export const HEAD_AGAIN_MS = 10_000
export const ACK_WAIT_MS = 30_000
export const ACK_ATTEMPTS_MAX = 3
export const TOMBSTONE_KEPT_MS = 30 * 86_400_000
export const ANSWERS_MAX = 16

/** The operator's settings for config sync. */
export interface SyncRules extends ConflictRules {
  /** How a device gets its config: the bare config, or `{rev, hash, deleted, config}`. */
  readonly localForm: 'plain' | 'envelope'
  /** After this time (milliseconds) an open conflict raises an alarm, and `afterDeadline` applies. */
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

/** The rules of the edge for a desired revision (README.md). A test can switch one off to show that it is needed. */
export type RuleNumber = 1 | 2 | 3 | 4 | 5 | 6

export interface EdgeEnv {
  /** UTC milliseconds. */
  readonly now: number
  /** Whether `now` can be trusted; if not, the cloud wins `lww`, and nothing happens because a deadline has passed. */
  readonly clockSynced: boolean
  readonly rules: SyncRules
  /** Why the JSON Schema of the device refuses a config; empty: it does not, or there is none. */
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
  /** The answer of the device. A device that does not know revisions omits `rev`. */
  | { readonly kind: 'ack'; readonly rev?: Rev; readonly hash: string; readonly code: number; readonly message: string }
  /** The device runs this config: it was edited on the device, unless `rev` is an older revision. */
  | { readonly kind: 'device'; readonly rev?: Rev; readonly config: JsonObject }
  /** An operator at the edge decides a conflict. */
  | {
      readonly kind: 'resolve'
      readonly id: string
      readonly cid: string
      readonly take: 'edge' | 'cloud' | { readonly config: Json }
      readonly by: string
    }
  /** A cloud topic is about to be published: the step returns an effect `publish`. Commit, then publish. */
  | { readonly kind: 'sending'; readonly what: CloudTopic }
  /** The process started: messages that it published before may be lost. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'tick' }

/** The topics of a device that the edge publishes to the cloud. */
export type CloudTopic = 'head' | 'reported' | 'conflict'

export interface SetResult {
  readonly id: string
  readonly code: 200 | 400 | 409 | 413 | 429
  readonly rev: Rev | null
  /** If the edit was refused: what was attempted and what to do. */
  readonly message: string
}

/** Events that are counted per device. */
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
 * An effect of a step. `enqueue`, `log`, `keep`, `count` and `forget` belong in the transaction of the new state. Do
 * the others after it; they may be lost with the process, and `restart` repeats those that matter.
 */
export type EdgeEffect =
  /** Put "publish the current `what`" into the operations queue, if it is not there yet. */
  | { readonly kind: 'enqueue'; readonly what: CloudTopic }
  | { readonly kind: 'log'; readonly change: Change }
  /** Add it to the 20 latest revisions of the device. */
  | { readonly kind: 'keep'; readonly revision: Revision }
  | { readonly kind: 'count'; readonly name: EdgeCount; readonly reason?: string }
  /** Remove the kept revisions: the tombstone is purged. */
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

/**
 * The state of a device that never had a config.
 * @param ei random for every new database, 1 to 32 of A–Z a–z 0–9 _ -
 */
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
