import mqtt, { type MqttClient } from 'mqtt'
import { until } from '../../support/wait.ts'

const DEVICES = 4
const TICK_MS = 20
const READINGS_PER_TICK = 3
/** Limit for all acknowledgements after the last publish. */
const ACKNOWLEDGED_MS = 60_000

/** One device: value n has the time `since + n`, so that repeats are recognized. */
interface Device {
  readonly name: string
  readonly client: MqttClient
  readonly acknowledged: Set<number>
  /** Readings that it has measured; it keeps those that are not published yet. */
  due: number
  published: number
}

/**
 * Devices with QoS 1 and persistent sessions, each an MQTT.js client, that publish at a steady rate whatever happens to
 * the edge, and repeat unacknowledged publishes.
 */
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
    for (const device of this.#devices) {
      if (this.#measuring) device.due += READINGS_PER_TICK
      // MQTT.js may lose messages that were published while it was not connected.
      while (device.client.connected && device.published < device.due) this.#publish(device, device.published++)
    }
  }

  #publish({ client, name, acknowledged }: Device, value: number): void {
    const payload = JSON.stringify({ value, ts: this.since + value })
    client.publish(`telemetry/${name}/n`, payload, { qos: 1 }, (failure) => {
      if (!failure) acknowledged.add(value)
    })
  }

  get measured(): number {
    return this.#devices.reduce((sum, { due }) => sum + due, 0)
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
    const states = this.#devices.map(({ name, client, due, published, acknowledged }) => {
      const connected = client.connected ? 'connected' : 'not connected'
      return `${name} (${connected}) measured ${due}, published ${published}, acknowledged ${acknowledged.size}`
    })
    return states.join('; ')
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const { client } of this.#devices) client.end(true)
  }
}

function startDevice(name: string, port: number): Device {
  const url = `mqtt://127.0.0.1:${port}`
  const client = mqtt.connect(url, { clientId: name, clean: false, reconnectPeriod: 100, connectTimeout: 2_000 })
  client.on('error', () => undefined)
  return { name, client, acknowledged: new Set(), due: 0, published: 0 }
}
