import { describeDamage } from '../store/recovery/damages.ts'
import type { Store } from '../store/store.ts'
import type { StoreStatus } from './protocol.ts'

/** What the store does not know by itself. */
type OfThread =
  | 'catalog'
  | 'commits'
  | 'quality'
  | 'unrouted'
  | 'configs'
  | 'readings'
  | 'rejected'
  | 'partial'
  | 'duplicates'

export function statusOf(store: Store): Omit<StoreStatus, OfThread> {
  const { intake, delivery, upkeep } = store
  const { soundness } = upkeep
  return {
    epoch: store.epoch,
    lastSeq: store.lastSeq,
    series: intake.catalog.seriesCount,
    devices: intake.catalog.deviceCount,
    space: upkeep.forecaster.forecast(store.lastSeq),
    wal: store.wal.status,
    clock: store.time.status,
    waitingRemoval: upkeep.housekeeping.expiry.waiting,
    damage: { now: soundness.damage, past: soundness.unacknowledged.map(describeDamage) },
    backlogs: delivery.outboxes.map((outbox) => store.backlog(outbox)),
    forwards: delivery.forwards.status(),
    rejects: intake.rejects.status(),
    down: delivery.down.status(),
  }
}
