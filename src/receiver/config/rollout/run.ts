import { createHash, randomUUID } from 'node:crypto'
import { pause } from '../../../base/clock.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { CloudConfig } from '../cloud-config.ts'
import type { ConfigStore } from '../config-store.ts'
import type { DeviceKey } from '../device-key.ts'
import { outcomeOf, revertDevice, writeDevice } from './device-work.ts'
import { DRIVER_MS, ROLLOUT_DEVICES_MAX, type Rollout, type RolloutDevice } from './rollout.ts'
import { isOver } from './rollout-rows.ts'

/** How often the reports of devices are checked (milliseconds). */
const POLL_MS = 250
/** Devices that are read at once. */
const PAGE = 100
/** Devices that are named in the reason why a rollout was stopped. */
const NAMED_MAX = 5

export interface RolloutPlan extends Pick<Rollout, 'edit' | 'match' | 'percents' | 'waitMs' | 'by'> {
  readonly devices: readonly DeviceKey[]
}

export interface RolloutOptions {
  readonly store: ConfigStore
  readonly config: CloudConfig
  /** UTC milliseconds. */
  readonly now: () => number
  /** Ends the work; the rollout stays as it is, and can be continued. */
  readonly signal: AbortSignal
  readonly onProgress: (rollout: Rollout) => void
}

/**
 * Stores a rollout; `carryOn` executes it. Devices are ordered by a hash, so each stage has devices of all edges, and
 * the order is the same every time.
 */
export async function beginRollout(store: ConfigStore, plan: RolloutPlan, at: number): Promise<number> {
  const { devices, ...rest } = plan
  const count = devices.length
  if (count === 0 || count > ROLLOUT_DEVICES_MAX) {
    throw new OperatorError(
      `the pattern ${plan.match} matches ${count === 0 ? 'no device with a config' : `${count} devices`}`,
      {
        remedy: `use a pattern over edge/device that matches 1 to ${ROLLOUT_DEVICES_MAX}: see \`tidegate cloud config list --match\``,
      },
    )
  }
  const keyed = devices.map((key) => ({
    key,
    hash: createHash('sha256').update(`${key.edge}/${key.device}`).digest('hex'),
  }))
  const ordered = keyed.toSorted((a, b) => (a.hash < b.hash ? -1 : 1)).map(({ key }) => key)
  const rollout = { ...rest, at, devices: count, status: 'running', stage: 0, writtenAt: null, reason: null } as const
  return store.rollouts.create(rollout, ordered)
}

/**
 * Executes a rollout until it is over or the signal fires, and resolves with its state at that time. Stage by stage:
 * write, then wait until every device reports that it runs the edit. If a device refuses it or does not report in
 * time, everything is reverted.
 * @throws OperatorError if there is no such rollout, or another process executes it
 */
export async function carryOn(id: number, options: RolloutOptions): Promise<Rollout> {
  const { store, now, signal, onProgress } = options
  const driver = randomUUID()
  try {
    for (;;) {
      const rollout = await taken(store, id, driver, now())
      onProgress(rollout)
      if (isOver(rollout) || signal.aborted) return rollout
      const run = new Turn(rollout, options, driver)
      const moved = rollout.status === 'running' ? await run.forward() : await run.back()
      if (!moved) await pause(POLL_MS, signal)
    }
  } finally {
    await store.rollouts.leave(id, driver)
  }
}

/** Aborts a rollout: the process that executes it then reverts everything. @throws OperatorError as `carryOn` does */
export async function giveUp(
  id: number,
  { store, now }: Pick<RolloutOptions, 'store' | 'now'>,
  reason: string,
): Promise<void> {
  const driver = randomUUID()
  const rollout = await taken(store, id, driver, now())
  try {
    if (isOver(rollout))
      throw new OperatorError(`rollout ${id} is over: ${rollout.status}`, { remedy: 'edit the devices again' })
    if (rollout.status === 'running') await store.rollouts.save({ ...rollout, status: 'reverting', reason })
  } finally {
    await store.rollouts.leave(id, driver)
  }
}

async function taken(store: ConfigStore, id: number, driver: string, at: number): Promise<Rollout> {
  if ((await store.rollouts.one(id)) === undefined) {
    throw new OperatorError(`there is no rollout ${id}`, { remedy: 'see `tidegate cloud config rollout status`' })
  }
  if (!(await store.rollouts.drive(id, driver, at))) {
    throw new OperatorError(`another command is executing rollout ${id}`, {
      remedy: `stop that command with Ctrl-C first; if it was killed, wait ${DRIVER_MS / 1_000} s`,
    })
  }
  return (await store.rollouts.one(id))!
}

class Turn {
  readonly #rollout: Rollout
  readonly #options: RolloutOptions
  readonly #driver: string

  constructor(rollout: Rollout, options: RolloutOptions, driver: string) {
    this.#rollout = rollout
    this.#options = options
    this.#driver = driver
  }

  /** One step of a running rollout. @returns whether anything has changed */
  async forward(): Promise<boolean> {
    return this.#rollout.writtenAt === null ? this.#write() : this.#poll()
  }

  /** Number of devices that have their turn in this stage or had it in an earlier one. */
  get #placesMax(): number {
    const { devices, percents, stage } = this.#rollout
    return Math.ceil((devices * percents[stage]!) / 100)
  }

  async #write(): Promise<boolean> {
    let failed: RolloutDevice | undefined
    const whole = await this.#each(['waiting'], this.#placesMax, async (device) => {
      const next = await writeDevice(device, this.#work)
      if (next.status === 'failed') failed = next
      return failed === undefined
    })
    if (failed !== undefined) await this.#stop([failed])
    else if (whole) await this.#save({ writtenAt: this.#options.now() })
    return true
  }

  async #poll(): Promise<boolean> {
    const { config, store, now } = this.#options
    const { id, edit, writtenAt, waitMs } = this.#rollout
    const failed: RolloutDevice[] = []
    const silent: RolloutDevice[] = []
    await this.#each(['written'], this.#placesMax, async (device) => {
      const record = await config.show(device)
      const outcome = record && outcomeOf(device.made!, record, edit)
      const next = { ...device, ...outcome }
      if (outcome !== undefined) await store.rollouts.saveDevices(id, [next])
      if (next.status === 'failed') failed.push(next)
      if (next.status === 'written') silent.push(next)
      return true
    })
    if (this.#options.signal.aborted) return true
    if (failed.length > 0) await this.#stop(failed)
    else if (silent.length === 0) await this.#advance()
    else if (now() < writtenAt! + waitMs) return false
    else {
      const late = silent.map((device) => ({
        ...device,
        status: 'failed' as const,
        reason: `it did not apply it within ${waitMs / 1_000} s`,
      }))
      await store.rollouts.saveDevices(id, late)
      await this.#stop(late)
    }
    return true
  }

  async #advance(): Promise<void> {
    const { stage, percents } = this.#rollout
    if (stage + 1 === percents.length) await this.#save({ status: 'done' })
    else await this.#save({ stage: stage + 1, writtenAt: null })
  }

  async #stop(failed: readonly RolloutDevice[]): Promise<void> {
    const named = failed.slice(0, NAMED_MAX).map(({ edge, device, reason }) => `${edge}/${device}: ${reason}`)
    const more = failed.length > NAMED_MAX ? `, and ${failed.length - NAMED_MAX} more` : ''
    await this.#save({ status: 'reverting', reason: `${named.join('; ')}${more}` })
  }

  /** Reverts everything. @returns true: it is done, or was interrupted */
  async back(): Promise<boolean> {
    let gone = false
    const { devices } = this.#rollout
    const touched = ['waiting', 'written', 'applied', 'failed', 'gone'] as const
    const whole = await this.#each(touched, devices, async (device) => {
      const next = await revertDevice(device, this.#work)
      gone ||= next.status === 'gone'
      return true
    })
    if (whole) await this.#save({ status: gone ? 'failed' : 'reverted' })
    return true
  }

  get #work() {
    const { config, store } = this.#options
    const rollout = this.#rollout
    const save = async (device: RolloutDevice): Promise<void> => store.rollouts.saveDevices(rollout.id, [device])
    return { config, rollout, save }
  }

  /** @returns false: the signal fired, or `work` returned false, before all devices had their turn */
  async #each(
    statuses: readonly RolloutDevice['status'][],
    placesMax: number,
    work: (device: RolloutDevice) => Promise<boolean>,
  ): Promise<boolean> {
    const { store, signal, now } = this.#options
    const { id } = this.#rollout
    for (let first = 0; first < placesMax; first += PAGE) {
      // Renew the lease: long work must not let it expire.
      if (!(await store.rollouts.drive(id, this.#driver, now()))) return false
      const page = await store.rollouts.devices(id, first, Math.min(PAGE, placesMax - first))
      for (const device of page.filter(({ status }) => statuses.includes(status))) {
        if (signal.aborted || !(await work(device))) return false
      }
    }
    return true
  }

  async #save(part: Partial<Rollout>): Promise<void> {
    await this.#options.store.rollouts.save({ ...this.#rollout, ...part })
  }
}
