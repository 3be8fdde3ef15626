import type { Rollout, RolloutDevice } from './rollout.ts'

type Column = number | string | boolean | Uint8Array | null

/**
 * How rollouts are stored in columns of any database. The body has everything but the id; its members are never
 * queried.
 */
export function rolloutOf([id, body]: readonly Column[]): Rollout {
  return { id: Number(id), ...(JSON.parse(String(body)) as Omit<Rollout, 'id'>) }
}

export function bodyOf({ id: _id, ...body }: Rollout | (Omit<Rollout, 'id'> & { id?: never })): string {
  return JSON.stringify(body)
}

/** Whether the rollout needs no further work. */
export function isOver({ status }: Pick<Rollout, 'status'>): boolean {
  return status === 'done' || status === 'reverted' || status === 'failed'
}

type DeviceBody = Pick<RolloutDevice, 'before' | 'made' | 'reason'>

export function deviceOf([place, edge, device, status, body]: readonly Column[]): RolloutDevice {
  return {
    place: Number(place),
    edge: String(edge),
    device: String(device),
    status: status as RolloutDevice['status'],
    ...(JSON.parse(String(body)) as DeviceBody),
  }
}

export function deviceBodyOf({ before, made, reason }: DeviceBody): string {
  return JSON.stringify({ before, made, reason })
}

export const UNTOUCHED: string = deviceBodyOf({ before: null, made: null, reason: null })
