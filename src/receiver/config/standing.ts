import type { DeviceRecord } from './config-store.ts'

/**
 * How far the config in force at the cloud has come. applied, refused, drifted, silent: reported by the edge for this
 * very content; pending: the device has not answered yet; underway: the edge has not reported on it yet; conflict: an
 * operator must decide; none: there is no config, or it is deleted on both sides.
 */
export type Standing = 'none' | 'underway' | 'pending' | 'applied' | 'refused' | 'drifted' | 'silent' | 'conflict'

export function standingOf({ state: { cur, tombstone }, reported, conflict }: DeviceRecord): Standing {
  if (conflict?.status === 'open') return 'conflict'
  if (cur === null || tombstone?.purged) return 'none'
  return reported?.hash === cur.hash ? reported.status : 'underway'
}
