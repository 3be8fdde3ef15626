import type { AuthorityCount } from '../../config/authority.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import type { ConfigLimits, ConfigStore, DeviceRecord } from './config-store.ts'
import { type DeviceEvent, type DeviceStep, workOn } from './device.ts'
import type { DeviceKey } from './device-key.ts'
import type { CloudConfigMessage } from './message.ts'

/** Messages of one transaction, at most. */
const GROUP_MAX = 64

export type CloudConfigCounts = Readonly<Record<AuthorityCount | 'unnoted', number>>
export const NO_COUNTS: CloudConfigCounts = {
  malformed: 0,
  same: 0,
  accepted: 0,
  refused: 0,
  imported: 0,
  written: 0,
  unnoted: 0,
}

export interface ConfigIntakeOptions {
  readonly store: ConfigStore
  readonly limits: ConfigLimits
  readonly check: SchemaCheck
  /** UTC milliseconds. */
  readonly now: () => number
  /** Called when a message may be waiting to be published. */
  readonly onChange: () => void
}

interface Waiting {
  readonly message: CloudConfigMessage
  readonly resolve: () => void
  readonly reject: (failure: unknown) => void
}

/**
 * Stores the config messages of edges. Messages that arrive while the database is busy share the next transaction:
 * with every connection the broker delivers all retained messages.
 */
export class ConfigIntake {
  readonly #options: ConfigIntakeOptions
  readonly #waiting: Waiting[] = []
  #counts = { ...NO_COUNTS }
  #working: Promise<void> | undefined

  constructor(options: ConfigIntakeOptions) {
    this.#options = options
  }

  /** Since the start. `unnoted`: messages of devices for which there is no room. */
  get counts(): CloudConfigCounts {
    return { ...this.#counts }
  }

  /** Resolves after the commit. @throws if it could not be stored; then nothing of it is, and it may be sent again */
  take(message: CloudConfigMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject })
      this.#working ??= this.#work().finally(() => {
        this.#working = undefined
      })
    })
  }

  async #work(): Promise<void> {
    await Promise.resolve() // messages of one turn share a transaction
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_MAX)
      try {
        await this.#store(group.map(({ message }) => message))
        for (const { resolve } of group) resolve()
      } catch (failure) {
        for (const { reject } of [...group, ...this.#waiting.splice(0)]) reject(failure)
      }
    }
  }

  async #store(messages: readonly CloudConfigMessage[]): Promise<void> {
    const { store, limits, onChange } = this.#options
    const devices = byDevice(messages)
    const steps = await store.change(
      devices.map(({ key }) => key),
      limits,
      (known, room) => {
        const result = this.#stepsOf(devices, known, room)
        return { writes: result.flatMap((step) => step?.write ?? []), result }
      },
    )
    for (const [i, step] of steps.entries()) {
      if (step === undefined)
        this.#counts = { ...this.#counts, unnoted: this.#counts.unnoted + devices[i]!.events.length }
      for (const { name } of step?.counted ?? []) this.#counts = { ...this.#counts, [name]: this.#counts[name] + 1 }
    }
    if (steps.some((step) => step?.write?.publish)) onChange()
  }

  /** Undefined for a device for which there is no room. */
  #stepsOf(
    devices: readonly Device[],
    known: readonly (DeviceRecord | undefined)[],
    room: number,
  ): (DeviceStep | undefined)[] {
    const { check, now } = this.#options
    let left = room
    return devices.map(({ key, events }, i) => {
      const env = { now: now(), check: (config: Parameters<SchemaCheck>[1]) => check(key.device, config) }
      const step = workOn(known[i], key, events, env)
      if (known[i] !== undefined || step.write === undefined) return step
      return left-- > 0 ? step : undefined
    })
  }
}

interface Device {
  readonly key: DeviceKey
  readonly events: DeviceEvent[]
}

function byDevice(messages: readonly CloudConfigMessage[]): Device[] {
  const devices = new Map<string, Device>()
  for (const { key, event } of messages) {
    const name = `${key.edge}/${key.device}`
    const device = devices.get(name) ?? { key, events: [] }
    device.events.push(event)
    devices.set(name, device)
  }
  return [...devices.values()]
}
