import type { AuthorityCount, AuthorityState } from '../../config/authority.ts'
import type { Change } from '../../config/changes.ts'
import type { ConflictRecord } from '../../config/conflict.ts'
import type { Applied } from '../../config/edge/state.ts'
import type { Rev, Revision } from '../../config/revision.ts'
import type { DeviceKey } from './device-key.ts'
import type { Rollouts } from './rollout/rollout.ts'

/** Revisions kept of a device, the newest ones: what `history` shows and `rollback` goes back to. */
export const REVISIONS_KEPT = 20
/** A receiver that takes a desired revision to publish it has it for itself for so long; then another one may (ms). */
export const CLAIM_MS = 30_000
/** Of a message that was on its way when its connection ended. */
export const UNKNOWN_VERSION = 0

export interface ConfigLimits {
  /** Devices with a config, of all edges; of one more nothing is taken. */
  readonly devicesMax: number
  /** Rows of the change log; the oldest go first. */
  readonly changesMax: number
  /** Rows of the change log that are older go, milliseconds. */
  readonly changesAgeMsMax: number
}
export const CONFIG_LIMITS: ConfigLimits = { devicesMax: 100_000, changesMax: 10_000, changesAgeMsMax: 30 * 86_400_000 }

/** What a device runs, as its edge says. */
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

/** All that the cloud knows of the config of one device. */
export interface DeviceRecord extends DeviceKey {
  readonly state: AuthorityState
  readonly counts: Readonly<Partial<Record<AuthorityCount, number>>>
  /** The edge's latest proposal, where it is not what the cloud has. */
  readonly head: Revision | null
  readonly reported: Reported | null
  /** Open, or closed a moment ago. */
  readonly conflict: ConflictRecord | null
}

/** What one transaction does to one device. */
export interface DeviceWrite {
  readonly record: DeviceRecord
  readonly kept: readonly Revision[]
  readonly changes: readonly Change[]
  /** Whether the desired topic has something else to say from now on, or is to say it again. */
  readonly publish: boolean
  /** UTC milliseconds. */
  readonly at: number
}

/** @returns what is to be written, in one transaction, and what the caller wants to know of it */
export type Decide<T> = (
  known: readonly (DeviceRecord | undefined)[],
  /** Devices for which there is room beside those that are known. */
  room: number,
) => { readonly writes: readonly DeviceWrite[]; readonly result: T }

/** A desired message that the broker does not have yet. `version` grows with every one of its device. */
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
  /** Only those behind this one, in the order of edge and device. */
  readonly after?: DeviceKey | undefined
  readonly conflicts?: boolean
  /** So many at most. */
  readonly limit: number
}

type Answer<T> = Promise<T> | T

/**
 * Where the cloud side of config sync keeps what it knows: in the sink, so that commands act beside a running receiver and
 * several receivers share it. The promises, proved for every sink by one suite of tests:
 * - What `decide` saw of its devices is still true when what it returns is written: nobody writes in between.
 * - What is to be published stays so until `published` is told of that very version, whoever dies meanwhile.
 */
export interface ConfigStore {
  /**
   * One transaction over some devices, in their order and each only once. `decide` looks and decides, does nothing else, and
   * may be called again when the transaction has to be. Resolves after the commit.
   * @throws when it could not be made durable; then nothing is written
   */
  change<T>(keys: readonly DeviceKey[], limits: ConfigLimits, decide: Decide<T>): Answer<T>
  /** Takes messages that wait to be published; nobody else gets them for CLAIM_MS. @param at UTC milliseconds */
  claim(at: number, limit: number): Answer<readonly Unpublished[]>
  /**
   * The broker has these, or may have. One that is not the newest version, or of which nobody knows (UNKNOWN_VERSION), waits
   * again at once: it may stand on the topic now, over a newer one that somebody else has published.
   */
  published(messages: readonly (DeviceKey & { readonly version: number })[]): Answer<void>
  /** Everything is to be published once more: the broker may have lost it, and who had claimed it may be gone. */
  publishAll(): Answer<void>
  one(key: DeviceKey): Answer<DeviceRecord | undefined>
  list(question: DeviceQuestion): Answer<readonly DeviceRecord[]>
  /** The kept revisions of a device, newest first. */
  revisions(key: DeviceKey): Answer<readonly KeptRevision[]>
  /** The change log of a device, or of all, newest first. */
  changes(of: DeviceKey | undefined, limit: number): Answer<readonly LoggedChange[]>
  /** Devices whose tombstone is old enough to be cleared. @param at UTC milliseconds */
  due(at: number, limit: number): Answer<readonly DeviceKey[]>
  /** Drops rows of the change log from before that time. */
  forgetChanges(before: number): Answer<void>
  readonly rollouts: Rollouts
}
