import { SteadyDevice } from '../../support/steady-device.ts'
import { until } from '../../support/wait.ts'

const DEVICES = 4
const TICK_MS = 20
const READINGS_PER_TICK = 3
/** Limit for all acknowledgements after the last publish. */
const ACKNOWLEDGED_MS = 60_000

/** One device: value n has the time `since + n`, so that repeats are recognized. */
interface Device {
  readonly name: string
  readonly client: SteadyDevice
  readonly acknowledged: Set<number>
  measured: number
}

/** Devices with QoS 1 and persistent sessions that publish at a steady rate whatever happens to the edge. */
export class Load {
  readonly since = Date.now()
  readonly #devices: readonly Device[]
  readonly #timer: NodeJS.Timeout
  #measuring = true

  constructor(port: number) {
    this.#devices = Array.from({ length: DEVICES }, (_, n) => startDevice(`pump${n}`, port))
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  #tick(): void {
    if (!this.#measuring) return
    for (const device of this.#devices) {
      for (let count = 0; count < READINGS_PER_TICK; count++) this.#publish(device, device.measured++)
    }
  }

  #publish({ client, name, acknowledged }: Device, value: number): void {
    const payload = JSON.stringify({ value, ts: this.since + value })
    client.publish(`telemetry/${name}/n`, payload, () => acknowledged.add(value))
  }

  get measured(): number {
    return this.#devices.reduce((sum, { measured }) => sum + measured, 0)
  }

  get acknowledged(): number {
    return this.#devices.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  }

  /** Every acknowledged reading, as device and value. */
  *readings(): Generator<{ readonly device: string; readonly value: number }> {
    for (const { name, acknowledged } of this.#devices) {
      for (const value of acknowledged) yield { device: name, value }
    }
  }

  /** Stops measuring, and waits. @throws Error when the edge does not acknowledge everything in time. */
  async finish(): Promise<void> {
    this.#measuring = false
    const isFinished = (): boolean => this.acknowledged === this.measured
    const options = { deadlineMs: ACKNOWLEDGED_MS, what: 'everything is acknowledged' }
    await until(isFinished, options).catch((cause: unknown) => {
      throw new Error(`not everything was acknowledged: ${this.#state()}`, { cause })
    })
  }

  #state(): string {
    const states = this.#devices.map(({ name, client, measured, acknowledged }) => {
      const connected = client.connected ? 'connected' : 'not connected'
      return `${name} (${connected}) measured ${measured}, acknowledged ${acknowledged.size}`
    })
    return states.join('; ')
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const { client } of this.#devices) client.stop()
  }
}

function startDevice(name: string, port: number): Device {
  return { name, client: new SteadyDevice({ port, clientId: name }), acknowledged: new Set(), measured: 0 }
}
