import mqtt, { type MqttClient } from 'mqtt'
import { onStop } from './started.ts'
import { until } from './wait.ts'

const CONNECT_MS = 2_000

export interface SteadyDeviceOptions {
  readonly port: number
  readonly clientId: string
  /** Pause before a new connection (ms). */
  readonly reconnectMs?: number
}

interface Message {
  /** Position in the order of the calls of `publish`. */
  readonly number: number
  readonly topic: string
  readonly payload: string
  readonly onAcknowledged: () => void
}

/**
 * An MQTT.js client with a persistent session that keeps every message until it is acknowledged (QoS 1). MQTT.js alone
 * does not: after a reconnect it repeats its stored messages one by one, is `connected` meanwhile, and keeps what is
 * published then only in memory. When the connection ends first, those publishes fail with "Connection closed" and are
 * never sent. Here they are published again at the next connection, before all later ones.
 */
export class SteadyDevice {
  readonly #client: MqttClient
  /** Messages that MQTT.js does not have, in order. */
  #unsent: Message[] = []
  #published = 0
  #acknowledged = 0

  constructor({ port, clientId, reconnectMs = 100 }: SteadyDeviceOptions) {
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId,
      clean: false,
      reconnectPeriod: reconnectMs,
      connectTimeout: CONNECT_MS,
    })
    this.#client.on('error', () => undefined)
    this.#client.on('connect', () => this.#send())
    onStop(() => this.stop())
  }

  get connected(): boolean {
    return this.#client.connected
  }

  /** Messages that are not acknowledged yet. */
  get waiting(): number {
    return this.#published - this.#acknowledged
  }

  /** @param onAcknowledged called once, when the message is acknowledged. */
  publish(topic: string, payload: string, onAcknowledged: () => void = () => undefined): void {
    this.#unsent.push({ number: this.#published++, topic, payload, onAcknowledged })
    this.#send()
  }

  /** Waits until every message is acknowledged. @throws Error when this takes too long. */
  untilAcknowledged(deadlineMs?: number): Promise<unknown> {
    return until(() => this.waiting === 0, {
      what: `every message of ${this.#client.options.clientId} is acknowledged`,
      ...(deadlineMs !== undefined && { deadlineMs }),
    })
  }

  /** Ends the connection; what is not acknowledged is dropped. */
  stop(): void {
    this.#client.end(true)
  }

  #send(): void {
    // MQTT.js may lose messages that are published while it is not connected.
    if (!this.#client.connected) return
    const messages = this.#unsent
    this.#unsent = []
    for (const message of messages) {
      this.#client.publish(message.topic, message.payload, { qos: 1 }, (failure) => {
        if (failure) this.#keep(message)
        else this.#finish(message)
      })
    }
  }

  #keep(message: Message): void {
    const at = this.#unsent.findIndex(({ number }) => number > message.number)
    this.#unsent.splice(at < 0 ? this.#unsent.length : at, 0, message)
  }

  #finish(message: Message): void {
    this.#acknowledged++
    message.onAcknowledged()
  }
}
