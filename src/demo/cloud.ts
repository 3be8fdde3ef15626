import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import { Broker } from '../broker/broker.ts'
import { noIntake } from '../broker/intake.ts'
import type { BrokerSettings } from '../settings/edge.ts'

/**
 * The cloud's MQTT broker, which can be stopped and started. An outage is real: the broker is stopped, its port refuses
 * connections, and its sessions and queues are lost.
 */
export class Cloud implements Part {
  readonly name = 'cloud broker'
  readonly #settings: BrokerSettings
  readonly #log: Log
  #broker: Broker | undefined
  #cutAt = 0
  /** Stops and starts are queued: each waits for the previous one. */
  #switched: Promise<void> = Promise.resolve()

  private constructor(settings: BrokerSettings, log: Log, broker: Broker) {
    this.#settings = settings
    this.#log = log
    this.#broker = broker
  }

  /** @throws OperatorError if the port is in use */
  static async start(settings: BrokerSettings, log: Log): Promise<Cloud> {
    const broker = await startBroker(settings, log)
    // Port 0 is replaced by the actual port, so that the cloud has the same port after an outage.
    const tcp = { ...settings.tcp, port: broker.address.port }
    return new Cloud({ ...settings, tcp }, log, broker)
  }

  get port(): number {
    return this.#settings.tcp.port
  }

  /** Milliseconds since the cut; undefined while the cloud is up. */
  get cutMs(): number | undefined {
    return this.#broker === undefined ? performance.now() - this.#cutAt : undefined
  }

  /** Resolves when the broker has stopped. */
  cut(): Promise<void> {
    return this.#next(() => this.#cut())
  }

  /** Resolves when the broker accepts connections again. @throws OperatorError if another program took the port */
  restore(): Promise<void> {
    return this.#next(() => this.#restore())
  }

  /** Cuts the cloud, or restores it if it is cut when the call's turn comes. */
  toggle(): Promise<void> {
    return this.#next(() => (this.#broker === undefined ? this.#restore() : this.#cut()))
  }

  stop(): Promise<void> {
    return this.cut()
  }

  async #cut(): Promise<void> {
    const broker = this.#broker
    if (broker === undefined) return
    this.#broker = undefined
    this.#cutAt = performance.now()
    await broker.stop()
  }

  async #restore(): Promise<void> {
    this.#broker ??= await startBroker(this.#settings, this.#log)
  }

  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#switched.then(step)
    this.#switched = done.catch(() => undefined)
    return done
  }
}

function startBroker(settings: BrokerSettings, log: Log): Promise<Broker> {
  return Broker.start(settings, { intake: noIntake, incoming: [], log })
}
