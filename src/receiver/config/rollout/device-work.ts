import { hashOf } from '../../../config/canonical.ts'
import { apply } from '../../../config/edge/local-edits.ts'
import { equal, isObject, type JsonObject } from '../../../config/json.ts'
import { merge } from '../../../config/merge.ts'
import { formatRev } from '../../../config/revision.ts'
import type { Edit } from '../../../config/wire.ts'
import type { CloudConfig } from '../cloud-config.ts'
import type { DeviceRecord } from '../config-store.ts'
import type { Rollout, RolloutDevice } from './rollout.ts'

/** Others may edit at the same time; who is overtaken so often in a row gives the device up. */
const ATTEMPTS_MAX = 5

/** Who made the revisions of a rollout. By it they are found again after a crash. */
export function byOf({ id }: Pick<Rollout, 'id'>): string {
  return `rollout:${id}`
}

export interface DeviceWork {
  readonly config: CloudConfig
  readonly rollout: Rollout
  /** Keeps the device as it is now. */
  save(device: RolloutDevice): Promise<void>
}

/**
 * Writes the edit, also where it changes nothing: the device must run it all the same. What is in force before is kept first, so that whatever is killed when, what the rollout changed can be set back.
 */
export async function writeDevice(device: RolloutDevice, work: DeviceWork): Promise<RolloutDevice> {
  const { config, rollout, save } = work
  let next = await withMade(device, work)
  for (let attempt = 0; attempt < ATTEMPTS_MAX && next.made === null; attempt++) {
    const cur = (await config.show(device))?.state.cur
    if (!cur?.config) return kept({ ...next, status: 'unchanged', reason: 'its config was deleted meanwhile' }, save)
    next = await kept({ ...next, before: { rev: cur.rev, config: cur.config } }, save)
    const { code, rev, message } = await config.write(device, rollout.edit, { by: byOf(rollout), ifRev: cur.rev })
    if (code === 409) continue
    if (code !== 200) return kept({ ...next, status: 'failed', reason: message }, save)
    next = { ...next, made: { rev: rev!, hash: hashOf(edited(cur.config, rollout.edit)) } }
  }
  if (next.made === null) return kept({ ...next, status: 'failed', reason: 'it is edited again and again' }, save)
  return kept({ ...next, status: 'written' }, save)
}

/** The device with the revision that the rollout has made of it, also where the process was killed before it could say so. */
async function withMade(device: RolloutDevice, { config, rollout }: DeviceWork): Promise<RolloutDevice> {
  if (device.made !== null || device.before === null) return device
  const by = byOf(rollout)
  const found = (await config.history(device)).find(({ revision }) => revision.by === by)?.revision
  return found === undefined ? device : { ...device, made: { rev: found.rev, hash: found.hash } }
}

function edited(config: JsonObject | null, edit: Edit): JsonObject | null {
  const result = apply(config, edit)
  return result.ok ? result.value : config
}

async function kept(device: RolloutDevice, save: DeviceWork['save']): Promise<RolloutDevice> {
  await save(device)
  return device
}

/** What has become of a device that was written: undefined, nothing is known yet. Pure. */
export function outcomeOf(
  made: NonNullable<RolloutDevice['made']>,
  { state: { cur }, reported, conflict }: DeviceRecord,
  edit: Edit,
): Pick<RolloutDevice, 'status' | 'reason'> | undefined {
  const failed = (reason: string) => ({ status: 'failed', reason }) as const
  if (conflict?.status === 'open') return failed(`a person must decide conflict ${conflict.cid}`)
  if (!cur?.config) return failed('its config was deleted meanwhile')
  if (cur.hash !== made.hash && !equal(edited(cur.config, edit) ?? undefined, cur.config)) {
    return failed(`${formatRev(cur.rev)} by ${cur.by} has taken the place of what was written`)
  }
  if (reported?.hash !== cur.hash) return undefined
  const { status, code, message } = reported
  if (status === 'applied') return { status: 'applied', reason: null }
  if (status === 'pending' || status === 'none') return undefined
  return failed(`the device is ${status}${code === null ? '' : ` (${code})`}${message ? `: ${message}` : ''}`)
}

/** Sets back what the rollout changed; what was edited since then stays. */
export async function revertDevice(device: RolloutDevice, work: DeviceWork): Promise<RolloutDevice> {
  const { config, rollout, save } = work
  const { before, made, ...rest } = await withMade(device, work)
  if (before === null || made === null) return device
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const cur = (await config.show(device))?.state.cur
    if (!cur?.config) return kept({ ...rest, before, made, status: 'reverted', reason: 'it was deleted since' }, save)
    const target = setBack(before.config, edited(before.config, rollout.edit), cur.config)
    const edit: Edit = target === null ? { delete: true } : { config: target }
    const { code, message } = await config.write(device, edit, { by: byOf(rollout), ifRev: cur.rev })
    if (code === 200) return kept({ ...rest, before, made, status: 'reverted' }, save)
    if (code !== 409) return kept({ ...rest, before, made, status: 'gone', reason: message }, save)
  }
  return kept({ ...rest, before, made, status: 'gone', reason: 'it is edited again and again' }, save)
}

/** The merge law with the rollout's own result as the ancestor; where somebody has edited over it, that stays. */
function setBack(before: JsonObject | null, made: JsonObject | null, now: JsonObject): JsonObject | null {
  if (equal(made ?? undefined, now)) return before
  const { value } = merge(made ?? undefined, now, before ?? undefined, {
    decide: ({ edge }) => ({ manual: false, value: edge, why: 'edited since' }),
  })
  return isObject(value) ? value : null
}
