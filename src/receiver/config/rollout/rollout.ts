import type { JsonObject } from '../../../config/json.ts'
import type { Rev } from '../../../config/revision.ts'
import type { Edit } from '../../../config/wire.ts'
import type { DeviceKey } from '../device-key.ts'

/** Devices of one rollout, at most. */
export const ROLLOUT_DEVICES_MAX = 10_000
/** Rollouts kept, the newest ones; of one that is not over yet nothing is dropped. */
export const ROLLOUTS_KEPT = 50
/** Whoever carries a rollout on says so again and again; after so long without a word somebody else may (ms). */
export const DRIVER_MS = 15_000

/**
 * running: it goes on, or would if somebody carried it on; reverting: it failed or was given up, and what it touched is being
 * set back; done: every device runs it; reverted: every device that it touched was set back; failed: not every one could be.
 */
export type RolloutStatus = 'running' | 'reverting' | 'done' | 'reverted' | 'failed'

/** One edit to many devices, stage by stage. */
export interface Rollout {
  readonly id: number
  /** UTC milliseconds. */
  readonly at: number
  readonly by: string
  readonly edit: Edit
  /** Over `edge/device`. */
  readonly match: string
  /** Of the devices, ascending, the last one 100: how many of them have it at the end of each stage. */
  readonly percents: readonly number[]
  /** So long the devices of a stage have to say that they run it, milliseconds. */
  readonly waitMs: number
  readonly devices: number
  readonly status: RolloutStatus
  /** The stage that is being worked at, from 0, and since when its devices have all been written; null: they have not. */
  readonly stage: number
  readonly writtenAt: number | null
  /** Why it does not go on, for people. */
  readonly reason: string | null
}

/**
 * waiting: not touched; written: its revision is in force at the cloud; applied: the device runs it; unchanged: its
 * config was deleted before its turn; failed: see `reason`; reverted: what the rollout changed was set back; gone: it could not be.
 */
export type RolloutDeviceStatus = 'waiting' | 'written' | 'applied' | 'unchanged' | 'failed' | 'reverted' | 'gone'

export interface RolloutDevice extends DeviceKey {
  /** Its turn, from 0. */
  readonly place: number
  readonly status: RolloutDeviceStatus
  /** What was in force before, and what the rollout made of it; null until it is its turn, or where there was nothing. */
  readonly before: { readonly rev: Rev; readonly config: JsonObject | null } | null
  readonly made: { readonly rev: Rev; readonly hash: string } | null
  readonly reason: string | null
}

type Answer<T> = Promise<T> | T

/** Where rollouts are kept. */
export interface Rollouts {
  /** Drops the oldest that are over. @returns its id */
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
   * Takes the rollout to carry it on, or stays with it, for DRIVER_MS from now.
   * @param driver names who does it @param at UTC milliseconds
   * @returns false: somebody else has it
   */
  drive(id: number, driver: string, at: number): Answer<boolean>
  /** Somebody else may take it at once. */
  leave(id: number, driver: string): Answer<void>
}
