import { hashOf } from '../../../config/canonical.ts'
import { apply } from '../../../config/edge/local-edits.ts'
import { equal, isObject, type JsonObject } from '../../../config/json.ts'
import { merge } from '../../../config/merge.ts'
import { formatRev } from '../../../config/revision.ts'
import type { Edit } from '../../../config/wire.ts'
import type { CloudConfig } from '../cloud-config.ts'
import type { DeviceRecord } from '../config-store.ts'
import type { Rollout, RolloutDevice } from './rollout.ts'

/** Other clients may edit at the same time; after this many lost races in a row the rollout gives up on the device. */
const ATTEMPTS_MAX = 5

/** The author of the revisions of a rollout. It identifies them after a crash. */
export function byOf({ id }: Pick<Rollout, 'id'>): string {
  return `rollout:${id}`
}

export interface DeviceWork {
  readonly config: CloudConfig
  readonly rollout: Rollout
  /** Stores the device in this state. */
  save(device: RolloutDevice): Promise<void>
}

/**
 * Writes the edit, also if it changes nothing: the device must report that it runs it all the same. Stores the
 * revision in force before the write, so that the change can be reverted whichever process is killed at any time.
 */
export async function writeDevice(device: RolloutDevice, work: DeviceWork): Promise<RolloutDevice> {
  const { config, rollout, save } = work
  let next = await withMade(device, work)
  for (let attempt = 0; attempt < ATTEMPTS_MAX && next.made === null; attempt++) {
    const cur = (await config.show(device))?.state.cur
    if (!cur?.config)
      return kept({ ...next, status: 'unchanged', reason: 'its config was deleted in the meantime' }, save)
    next = await kept({ ...next, before: { rev: cur.rev, config: cur.config } }, save)
    const { code, rev, message } = await config.write(device, rollout.edit, { by: byOf(rollout), ifRev: cur.rev })
    if (code === 409) continue
    if (code !== 200) return kept({ ...next, status: 'failed', reason: message }, save)
    next = { ...next, made: { rev: rev!, hash: hashOf(edited(cur.config, rollout.edit)) } }
  }
  if (next.made === null) return kept({ ...next, status: 'failed', reason: 'other clients keep editing it' }, save)
  return kept({ ...next, status: 'written' }, save)
}

/**
 * The device with the revision that the rollout has made of it, also if the process was killed before it stored that.
 */
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

/** The outcome for a device that was written; undefined: it is not known yet. Pure. */
export function outcomeOf(
  made: NonNullable<RolloutDevice['made']>,
  { state: { cur }, reported, conflict }: DeviceRecord,
  edit: Edit,
): Pick<RolloutDevice, 'status' | 'reason'> | undefined {
  const failed = (reason: string) => ({ status: 'failed', reason }) as const
  if (conflict?.status === 'open') return failed(`an operator must decide conflict ${conflict.cid}`)
  if (!cur?.config) return failed('its config was deleted in the meantime')
  if (cur.hash !== made.hash && !equal(edited(cur.config, edit) ?? undefined, cur.config)) {
    return failed(`${formatRev(cur.rev)} by ${cur.by} has replaced the revision of the rollout`)
  }
  if (reported?.hash !== cur.hash) return undefined
  const { status, code, message } = reported
  if (status === 'applied') return { status: 'applied', reason: null }
  if (status === 'pending' || status === 'none') return undefined
  return failed(`the device is ${status}${code === null ? '' : ` (${code})`}${message ? `: ${message}` : ''}`)
}

/** Reverts the change of the rollout; edits made since then stay. */
export async function revertDevice(device: RolloutDevice, work: DeviceWork): Promise<RolloutDevice> {
  const { config, rollout, save } = work
  const { before, made, ...rest } = await withMade(device, work)
  if (before === null || made === null) return device
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const cur = (await config.show(device))?.state.cur
    if (!cur?.config)
      return kept({ ...rest, before, made, status: 'reverted', reason: 'it was deleted in the meantime' }, save)
    const target = setBack(before.config, edited(before.config, rollout.edit), cur.config)
    const edit: Edit = target === null ? { delete: true } : { config: target }
    const { code, message } = await config.write(device, edit, { by: byOf(rollout), ifRev: cur.rev })
    if (code === 200) return kept({ ...rest, before, made, status: 'reverted' }, save)
    if (code !== 409) return kept({ ...rest, before, made, status: 'gone', reason: message }, save)
  }
  return kept({ ...rest, before, made, status: 'gone', reason: 'other clients keep editing it' }, save)
}

/** The merge law with the rollout's own result as the ancestor; a later edit to the same place stays. */
function setBack(before: JsonObject | null, made: JsonObject | null, now: JsonObject): JsonObject | null {
  if (equal(made ?? undefined, now)) return before
  const { value } = merge(made ?? undefined, now, before ?? undefined, {
    decide: ({ edge }) => ({ manual: false, value: edge, why: 'edited since' }),
  })
  return isObject(value) ? value : null
}
