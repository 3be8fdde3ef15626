import type { Clock } from '../base/clock.ts'
import type { StoreSettings } from '../settings/edge.ts'
import type { UplinkStart } from './delivery/outboxes.ts'
import type { Archive } from './housekeeping/retention.ts'

/** The options of a store. */
export interface StoreOptions {
  readonly folder: string
  readonly settings: StoreSettings
  readonly uplinks: readonly UplinkStart[]
  readonly archive: Archive | undefined
  readonly clock: Clock
}
