import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { cloudFilter, readCloudTopic } from '../config/topics.ts'
import type { Link } from '../link/link.ts'
import { type ConfigOutbox, ConfigPublisher } from './config-publisher.ts'
import { subscribeWithin } from './connect.ts'

export interface ConfigLinkOptions {
  /** Undefined: this uplink does not carry configs. */
  readonly configs: ConfigOutbox | undefined
  readonly prefix: string
  readonly edge: string
  readonly log: Log
  /** How long a message of this many bytes waits for the budget (ms). */
  readonly waitMs: (bytes: number) => number
  readonly connectTimeoutMs: number
  readonly signal: AbortSignal
}

/** Device configs over the connections of an uplink. They never cost the connection. */
export class ConfigLink {
  readonly #options: ConfigLinkOptions
  #publisher: ConfigPublisher | undefined
  #problem: string | undefined

  constructor(options: ConfigLinkOptions) {
    this.#options = options
  }

  /** Why configs are not synced; undefined: they are, or this uplink does not carry them. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** A connection begins. If the broker refuses the topics of configs, that is reported and readings go on. */
  async begin(link: Link): Promise<void> {
    const { configs: outbox, prefix, edge, log, waitMs, connectTimeoutMs: ms, signal } = this.#options
    if (outbox === undefined) return
    try {
      await subscribeWithin(link, [cloudFilter(prefix, edge, 'desired')], { ms, signal })
      this.#problem = undefined
    } catch (failure) {
      this.#problem = `configs are not synced: ${messageOf(failure)}`
      return log.error({ err: failure }, 'configs are not synced')
    }
    this.#publisher = new ConfigPublisher(link, { outbox, prefix, edge, log, waitMs })
    void this.#publisher.run()
  }

  /** The connection has ended. */
  end(): void {
    this.#publisher = undefined
  }

  /** A config message is ready to be sent. */
  notify(): void {
    this.#publisher?.notify()
  }

  /** Resolves when the config is stored; undefined: the message is no config. */
  take(topic: string, payload: Uint8Array): Promise<void> | undefined {
    const { configs, prefix } = this.#options
    const found = configs && readCloudTopic(prefix, topic)
    return found?.what === 'desired' ? configs!.desired(found.device, payload) : undefined
  }
}
