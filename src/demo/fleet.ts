import { type Clock, pause } from '../base/clock.ts'
import type { Part } from '../base/lifecycle.ts'
import { backoffMs } from '../link/backoff.ts'
import type { Link } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import type { SimulatedDevice, SimulatedMessage } from './plant.ts'
import { publishTwice } from './repeat.ts'

export interface FleetOptions {
  readonly host: string
  readonly port: number
  /** Messages per second of each device. */
  readonly rate: number
  readonly clock: Clock
}

/** The counts of the devices: everything here was acknowledged to them. */
export interface DeviceFleetCounts {
  /** Readings, each once. */
  readonly readings: number
  /** Messages that cannot be decoded. */
  readonly garbled: number
  /** Readings that were sent and acknowledged a second time. */
  readonly repeated: number
}

/** Maximum number of unacknowledged messages of a device; at this number it waits. */
const OPEN_MAX = 100
/** A device that is late by more than this (milliseconds) skips the measurements that it has missed. */
const BEHIND_MS_MAX = 1_000
/** How long a device waits for acknowledgements after the stop (milliseconds); unanswered readings do not count as taken. */
const GOODBYE_MS_MAX = 5_000
/** MQTT 5 reason codes from this value on are errors (MQTT 5 §2.4). */
const REASON_CODE_ERROR_MIN = 0x80
const BACKOFF = { minMs: 100, maxMs: 2_000 }

/** Devices that publish over MQTT with QoS 1, each on its own connection. */
export class DeviceFleet implements Part {
  readonly name = 'devices'
  readonly #clients: readonly DeviceClient[]

  private constructor(clients: readonly DeviceClient[]) {
    this.#clients = clients
  }

  /** Resolves when every device is connected. @throws LinkError if a device cannot connect */
  static async start(devices: readonly SimulatedDevice[], options: FleetOptions): Promise<DeviceFleet> {
    const clients: DeviceClient[] = []
    try {
      for (const device of devices) clients.push(await DeviceClient.start(device, options))
    } catch (failure) {
      await new DeviceFleet(clients).stop()
      throw failure
    }
    return new DeviceFleet(clients)
  }

  get counts(): DeviceFleetCounts {
    const sum = (of: keyof DeviceFleetCounts): number =>
      this.#clients.reduce((total, { counts }) => total + counts[of], 0)
    return { readings: sum('readings'), garbled: sum('garbled'), repeated: sum('repeated') }
  }

  /** Stops the devices, after waiting up to GOODBYE_MS_MAX for the acknowledgements still missing. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()))
  }
}

/** One running device. It keeps a message until it is acknowledged, over as many connections as necessary. */
class DeviceClient {
  readonly counts = { readings: 0, garbled: 0, repeated: 0 }
  readonly #device: SimulatedDevice
  readonly #options: FleetOptions
  readonly #measuring = new AbortController()
  readonly #gone = new AbortController()
  readonly #open = new Set<Promise<void>>()
  readonly #done: Promise<void>
  /** The present connection, or the next one while connecting; undefined when the device has stopped. */
  #link: Promise<Link | undefined>

  private constructor(device: SimulatedDevice, options: FleetOptions, link: Link) {
    this.#device = device
    this.#options = options
    this.#link = this.#use(link)
    this.#done = this.#measure()
  }

  static async start(device: SimulatedDevice, options: FleetOptions): Promise<DeviceClient> {
    return new DeviceClient(device, options, await connect(device.name, options))
  }

  async stop(): Promise<void> {
    this.#measuring.abort()
    const goodbye = setTimeout(() => this.#gone.abort(), GOODBYE_MS_MAX)
    this.#gone.signal.addEventListener('abort', () => void this.#link.then((link) => link?.destroy()))
    await this.#done
    await Promise.all(this.#open)
    clearTimeout(goodbye)
    this.#gone.abort()
    await (await this.#link)?.close()
  }

  async #measure(): Promise<void> {
    const { rate, clock } = this.#options
    const { signal } = this.#measuring
    const periodMs = 1_000 / rate
    const startedAt = clock.now()
    let lastTs = startedAt - 1
    let due = performance.now() + Math.random() * periodMs // a random phase, so that the devices do not publish all at once
    for (let index = 0; !signal.aborted; index++) {
      const now = performance.now()
      due = Math.max(due, now - BEHIND_MS_MAX)
      if (due > now) await pause(due - now, signal)
      while (this.#open.size >= OPEN_MAX) await Promise.race(this.#open)
      if (signal.aborted) return
      const ts = Math.max(lastTs + 1, clock.now())
      lastTs = ts
      due += periodMs
      this.#publish(this.#device.messageAt({ ts, elapsedMs: ts - startedAt, index }))
    }
  }

  #publish(message: SimulatedMessage): void {
    const settled = (message.repeated ? this.#deliverTwice(message) : this.#deliver(message)).then((acknowledged) => {
      this.#open.delete(settled)
      if (!acknowledged) return
      this.counts.readings += message.readings
      if (message.readings === 0) this.counts.garbled++
      if (message.repeated) this.counts.repeated += message.readings
    })
    this.#open.add(settled)
  }

  /** False if the broker refused the message, or the device stopped before it was answered. */
  async #deliver({ topic, payload }: SimulatedMessage): Promise<boolean> {
    for (;;) {
      const link = await this.#link
      if (link === undefined) return false
      try {
        const { reasonCode } = await link.publish(topic, payload, { qos: 1 })
        return reasonCode < REASON_CODE_ERROR_MIN
      } catch {
        if (this.#gone.signal.aborted) return false
        // The connection is lost: the message is sent again on the next one.
      }
    }
  }

  async #deliverTwice({ topic, payload }: SimulatedMessage): Promise<boolean> {
    const { host, port } = this.#options
    const clientId = `${this.#device.name}-modem`
    return publishTwice({ host, port, clientId, topic, payload }).then(
      () => true,
      () => false,
    )
  }

  #use(link: Link): Promise<Link> {
    void link.closed.then(() => {
      this.#link = this.#reopen()
    })
    return Promise.resolve(link)
  }

  async #reopen(): Promise<Link | undefined> {
    for (let attempt = 0; ; attempt++) {
      await pause(backoffMs(attempt, BACKOFF, Math.random), this.#gone.signal)
      if (this.#gone.signal.aborted) return undefined
      try {
        return await this.#use(await connect(this.#device.name, this.#options))
      } catch {
        // The edge is not reachable: try again after a longer pause.
      }
    }
  }
}

function connect(clientId: string, { host, port }: FleetOptions): Promise<Link> {
  return openLink({ url: `mqtt://${host}:${port}`, clientId, session: false, keepaliveS: 30, connectTimeoutMs: 5_000 })
}
