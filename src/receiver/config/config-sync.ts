import { pause } from '../../base/clock.ts'
import { MachineElapsedClock, StepWatch } from '../../base/elapsed-time.ts'
import type { Log } from '../../base/log.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import { cloudFilter, readCloudTopic } from '../../config/topics.ts'
import { type Link, LinkError } from '../../link/link.ts'
import type { OutgoingQueue } from '../outgoing.ts'
import type { ConfigLimits, ConfigStore } from './config-store.ts'
import type { DeviceKey } from './device-key.ts'
import { type CloudConfigCounts, ConfigIntake } from './intake.ts'
import { configTopic, openConfigMessage } from './message.ts'
import { DesiredPublisher } from './publisher.ts'

/**
 * How often old tombstones and old rows of the change log are removed (milliseconds), and how many tombstones at
 * once.
 */
const TIDY_MS = 60_000
const TIDY_MAX = 100

export interface ConfigStats extends CloudConfigCounts {
  /** Desired messages that the broker accepted, and that it refused. */
  readonly published: number
  readonly publishRefused: number
}

export interface ConfigSyncOptions {
  readonly store: ConfigStore
  readonly prefix: string
  readonly limits: ConfigLimits
  readonly check: SchemaCheck
  readonly log: Log
  /** UTC milliseconds. */
  readonly now: () => number
}

/**
 * The cloud side of config sync in a receiver: takes the config messages of edges, and publishes the desired configs.
 * Every receiver does all of it: a shared subscription would deliver no retained messages (MQTT 5 §4.8.2), and
 * processing a head twice changes nothing.
 */
export class CloudConfigSync {
  readonly #options: ConfigSyncOptions
  readonly #intake: ConfigIntake
  readonly #publisher: DesiredPublisher
  readonly #stepWatch: StepWatch
  #misnamed = 0
  #connections = 0

  constructor(options: ConfigSyncOptions) {
    this.#options = options
    this.#intake = new ConfigIntake({ ...options, onChange: () => this.#publisher.wake() })
    this.#publisher = new DesiredPublisher(options)
    this.#stepWatch = new StepWatch(options.now, new MachineElapsedClock())
  }

  get stats(): ConfigStats {
    const { published, refused: publishRefused } = this.#publisher.counts
    const counts = this.#intake.counts
    return { ...counts, malformed: counts.malformed + this.#misnamed, published, publishRefused }
  }

  /** Whether a message on this topic belongs to `take`. */
  takes(topic: string): boolean {
    return readCloudTopic(this.#options.prefix, topic) !== undefined
  }

  /** Resolves after the commit. @throws if it could not be stored */
  async take(topic: string, payload: Uint8Array): Promise<void> {
    const about = configTopic(topic, this.#options.prefix)
    if (about === undefined) this.#misnamed++
    else {
      const message = openConfigMessage(about, payload)
      if (message !== undefined) await this.#intake.take(message)
    }
  }

  /**
   * Uses a new connection: every retained message arrives once more. If the broker may have lost the desired
   * messages, or the process has just started, all of them are published again. Readings do not depend on it: a
   * broker may refuse it.
   * @throws LinkError 'lost'
   */
  async use(link: Link, outgoing: OutgoingQueue): Promise<void> {
    const { prefix, log } = this.#options
    try {
      for (const what of ['head', 'reported', 'conflict'] as const)
        await link.subscribe(cloudFilter(prefix, '+', what), 1)
    } catch (failure) {
      if (!(failure instanceof LinkError && failure.kind === 'refused')) throw failure
      log.warn({ err: failure }, 'the broker refused the config subscriptions: configs are not synced')
      return
    }
    const all = this.#connections++ === 0 || !link.sessionPresent
    this.#publisher.over((topic, payload) => outgoing.publish(topic, payload, { retain: true }), { all })
  }

  /** The connection has ended. */
  pause(): void {
    this.#publisher.over(undefined)
  }

  /** Works until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#publisher.run(signal), this.#tidyLoop(signal)])
  }

  async #tidyLoop(signal: AbortSignal): Promise<void> {
    for (await pause(TIDY_MS, signal); !signal.aborted; await pause(TIDY_MS, signal)) {
      try {
        await this.#tidy()
      } catch (failure) {
        this.#options.log.warn({ err: failure }, 'cannot remove old tombstones and old rows of the change log')
      }
    }
  }

  /** After a step of the clock it waits: what is forgotten cannot come back. */
  async #tidy(): Promise<void> {
    if (this.#stepWatch.hasStepped) return
    const { store, limits, now } = this.#options
    await store.forgetChanges(now() - limits.changesAgeMsMax)
    const due: readonly DeviceKey[] = await store.due(now(), TIDY_MAX)
    await Promise.all(due.map((key) => this.#intake.take({ key, event: { kind: 'tick' } })))
  }
}
