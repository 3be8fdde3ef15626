import type { DeviceRecord } from './config-store.ts'

/**
 * How far the config that is in force at the cloud has come. applied, refused, drifted, silent: so says the edge of this very
 * content; pending: the device has not answered yet; underway: the edge has not spoken of it yet; conflict: a person must
 * decide; none: there is no config.
 */
export type Standing = 'none' | 'underway' | 'pending' | 'applied' | 'refused' | 'drifted' | 'silent' | 'conflict'

export function standingOf({ state: { cur }, reported, conflict }: DeviceRecord): Standing {
  if (conflict?.status === 'open') return 'conflict'
  if (cur === null) return 'none'
  if (reported === null) return cur.config === null ? 'none' : 'underway'
  return reported.hash === cur.hash ? reported.status : 'underway'
}
