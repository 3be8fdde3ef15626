import type { JsonObject } from '../../../config/json.ts'
import type { Rev } from '../../../config/revision.ts'
import type { Edit } from '../../../config/wire.ts'
import type { DeviceKey } from '../device-key.ts'

/** Devices of one rollout, at most. */
export const ROLLOUT_DEVICES_MAX = 10_000
/** Rollouts kept, the newest ones; a rollout that is not over is never dropped. */
export const ROLLOUTS_KEPT = 50
/**
 * A process that executes a rollout renews its lease; after this long without a renewal another one may take over
 * (milliseconds).
 */
export const DRIVER_MS = 15_000

/**
 * running: it proceeds while a process executes it; reverting: it failed or was aborted, and the changed devices are
 * being reverted; done: every device runs it; reverted: every changed device was reverted; failed: not every one
 * could be.
 */
export type RolloutStatus = 'running' | 'reverting' | 'done' | 'reverted' | 'failed'

/** One edit to many devices, stage by stage. */
export interface Rollout {
  readonly id: number
  /** UTC milliseconds. */
  readonly at: number
  readonly by: string
  readonly edit: Edit
  /** Matched against `edge/device`. */
  readonly match: string
  /** Percent of the devices that have the edit at the end of each stage: ascending, the last one 100. */
  readonly percents: readonly number[]
  /** How long the devices of a stage have to report that they run it (milliseconds). */
  readonly waitMs: number
  readonly devices: number
  readonly status: RolloutStatus
  /** The present stage, from 0, and when all its devices were written; null: they have not been. */
  readonly stage: number
  readonly writtenAt: number | null
  /** Why it stopped, as text. */
  readonly reason: string | null
}

/**
 * waiting: not touched; written: its revision is in force at the cloud; applied: the device runs it; unchanged: its
 * config was deleted before its turn; failed: see `reason`; reverted: the change of the rollout was reverted; gone:
 * it could not be reverted.
 */
export type RolloutDeviceStatus = 'waiting' | 'written' | 'applied' | 'unchanged' | 'failed' | 'reverted' | 'gone'

export interface RolloutDevice extends DeviceKey {
  /** Its turn, from 0. */
  readonly place: number
  readonly status: RolloutDeviceStatus
  /**
   * The revision in force before, and the one that the rollout made of it; null before its turn, or if there was
   * none.
   */
  readonly before: { readonly rev: Rev; readonly config: JsonObject | null } | null
  readonly made: { readonly rev: Rev; readonly hash: string } | null
  readonly reason: string | null
}

type Answer<T> = Promise<T> | T

/** The store of rollouts. */
export interface Rollouts {
  /** Drops the oldest rollouts that are over. @returns the id of the new rollout */
  create(rollout: Omit<Rollout, 'id'>, devices: readonly DeviceKey[]): Answer<number>
  one(id: number): Answer<Rollout | undefined>
  /** Newest first. */
  list(): Answer<readonly Rollout[]>
  /** Devices in the order of their turn, from `first` on, at most `limit`. */
  devices(id: number, first: number, limit: number): Answer<readonly RolloutDevice[]>
  /** How many devices are in each status. */
  tally(id: number): Answer<Readonly<Partial<Record<RolloutDeviceStatus, number>>>>
  save(rollout: Rollout): Answer<void>
  saveDevices(id: number, devices: readonly RolloutDevice[]): Answer<void>
  /**
   * Takes or renews the lease on the rollout, for DRIVER_MS from now.
   * @param driver names the process
   * @param at UTC milliseconds
   * @returns false: another process holds the lease
   */
  drive(id: number, driver: string, at: number): Answer<boolean>
  /** Ends the lease: another process may take it at once. */
  leave(id: number, driver: string): Answer<void>
}
