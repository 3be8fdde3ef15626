import type { AuthorityCount, AuthorityState } from '../../config/authority.ts'
import type { Change } from '../../config/changes.ts'
import type { ConflictRecord } from '../../config/conflict.ts'
import type { Applied } from '../../config/edge/state.ts'
import type { Rev, Revision } from '../../config/revision.ts'
import type { DeviceKey } from './device-key.ts'
import type { Rollouts } from './rollout/rollout.ts'

/** Revisions kept per device, the newest ones: `history` shows them and `rollback` returns to them. */
export const REVISIONS_KEPT = 20
/**
 * A receiver that claims a desired revision to publish it holds the claim this long; then another one may claim it
 * (milliseconds).
 */
export const CLAIM_MS = 30_000
/** Version of a message that was in flight when its connection ended. */
export const UNKNOWN_VERSION = 0

export interface ConfigLimits {
  /** Devices with a config, over all edges; a further device is not stored. */
  readonly devicesMax: number
  /** Rows of the change log; the oldest are dropped first. */
  readonly changesMax: number
  /** Rows of the change log that are older are dropped (milliseconds). */
  readonly changesAgeMsMax: number
}
export const CONFIG_LIMITS: ConfigLimits = { devicesMax: 100_000, changesMax: 10_000, changesAgeMsMax: 30 * 86_400_000 }

/** The config that a device runs, as its edge reports it. */
export interface Reported {
  readonly rev: Rev
  readonly hash: string
  readonly status: Applied['status']
  /** The device's own answer. */
  readonly code: number | null
  readonly message: string | null
  /** The last content that the device confirmed. */
  readonly confirmed: { readonly rev: Rev; readonly hash: string } | null
}

/** Everything that the cloud knows of the config of one device. */
export interface DeviceRecord extends DeviceKey {
  readonly state: AuthorityState
  readonly counts: Readonly<Partial<Record<AuthorityCount, number>>>
  /** The edge's latest proposal, if it differs from the cloud's config. */
  readonly head: Revision | null
  readonly reported: Reported | null
  /** The conflict that is open or was closed recently. */
  readonly conflict: ConflictRecord | null
}

/** The changes of one transaction to one device. */
export interface DeviceWrite {
  readonly record: DeviceRecord
  readonly kept: readonly Revision[]
  readonly changes: readonly Change[]
  /** Whether the desired topic needs a new message, or the same message again. */
  readonly publish: boolean
  /** UTC milliseconds. */
  readonly at: number
}

/** @returns the changes to write, in one transaction, and a result for the caller */
export type Decide<T> = (
  known: readonly (DeviceRecord | undefined)[],
  /** Number of further devices for which there is room. */
  room: number,
) => { readonly writes: readonly DeviceWrite[]; readonly result: T }

/** A desired message that the broker does not have yet. `version` grows with every message of its device. */
export interface Unpublished extends DeviceKey {
  readonly version: number
  readonly payload: string
}

export interface KeptRevision {
  /** UTC milliseconds: when it came into force here. */
  readonly at: number
  readonly revision: Revision
}

export interface LoggedChange extends Change {
  readonly edge: string
}

export interface DeviceQuestion {
  /** Only devices after this one, in the order of edge and device. */
  readonly after?: DeviceKey | undefined
  readonly conflicts?: boolean
  /** At most this many devices are returned. */
  readonly limit: number
}

type Answer<T> = Promise<T> | T

/**
 * The store of the cloud side of config sync. It is part of the sink, so that commands work with a running receiver,
 * and several receivers share it. One test suite proves these guarantees for every sink:
 * - The records that `decide` saw are still current when its result is written: nothing is written in between.
 * - A message stays unpublished until `published` was called with that very version, whichever process dies
 *   meanwhile.
 */
export interface ConfigStore {
  /**
   * One transaction over some devices, in their order and each only once. `decide` has no side effects and may be
   * called again if the transaction must be repeated. Resolves after the commit.
   * @throws if it could not be made durable; then nothing is written
   */
  change<T>(keys: readonly DeviceKey[], limits: ConfigLimits, decide: Decide<T>): Answer<T>
  /** Claims unpublished messages; no other receiver gets them for CLAIM_MS. @param at UTC milliseconds */
  claim(at: number, limit: number): Answer<readonly Unpublished[]>
  /**
   * Marks messages that the broker has, or may have. A message that is not the newest version, or whose version is
   * not known (UNKNOWN_VERSION), becomes unpublished again at once: it may now be on the topic, over a newer one that
   * another receiver has published.
   */
  published(messages: readonly (DeviceKey & { readonly version: number })[]): Answer<void>
  /** Marks everything as unpublished: the broker may have lost it, and a process that held a claim may be gone. */
  publishAll(): Answer<void>
  one(key: DeviceKey): Answer<DeviceRecord | undefined>
  list(question: DeviceQuestion): Answer<readonly DeviceRecord[]>
  /** The kept revisions of a device, newest first. */
  revisions(key: DeviceKey): Answer<readonly KeptRevision[]>
  /** The change log of a device, or of all devices, newest first. */
  changes(of: DeviceKey | undefined, limit: number): Answer<readonly LoggedChange[]>
  /** Devices whose tombstone is old enough to be cleared. @param at UTC milliseconds */
  due(at: number, limit: number): Answer<readonly DeviceKey[]>
  /** Drops rows of the change log from before that time (UTC milliseconds). */
  forgetChanges(before: number): Answer<void>
  readonly rollouts: Rollouts
}
