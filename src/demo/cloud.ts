import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import { Broker } from '../broker/broker.ts'
import { noIntake } from '../broker/intake.ts'
import type { BrokerSettings } from '../settings/edge.ts'

/**
 * The cloud's MQTT broker with a switch. An outage is a real one: the broker is stopped, its port refuses connections,
 * and the sessions and queues that it held are gone.
 */
export class Cloud implements Part {
  readonly name = 'cloud broker'
  readonly #settings: BrokerSettings
  readonly #log: Log
  #broker: Broker | undefined
  #cutAt = 0
  /** Switching takes its turn: each waits for the one before. */
  #switched: Promise<void> = Promise.resolve()

  private constructor(settings: BrokerSettings, log: Log, broker: Broker) {
    this.#settings = settings
    this.#log = log
    this.#broker = broker
  }

  /** @throws OperatorError when the port is taken. */
  static async start(settings: BrokerSettings, log: Log): Promise<Cloud> {
    const broker = await startBroker(settings, log)
    // Port 0 is decided now: after an outage the cloud is where it was.
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

  /** Resolves when the cloud is gone. */
  cut(): Promise<void> {
    return this.#next(() => this.#cut())
  }

  /** Resolves when the cloud takes connections again. @throws OperatorError when somebody took its port meanwhile. */
  restore(): Promise<void> {
    return this.#next(() => this.#restore())
  }

  /** Cuts the cloud or restores it, whichever it is not by then. */
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
