import { pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { cloudTopic } from '../../config/topics.ts'
import { type ConfigStore, UNKNOWN_VERSION, type Unpublished } from './config-store.ts'

/** So often it is looked up whether a command beside the receiver, or another receiver, has left something to publish (ms). */
const TURN_MS = 250
/** Desired messages on their way at once; each has at most 33 KiB or so. */
const IN_FLIGHT_MAX = 64
/** After a refusal or a failure the same message is tried again after so long; CLAIM_MS at the latest (ms). */
const REFUSED_PAUSE_MS = 5_000

/** Publishes retained with QoS 1. @returns the broker's reason code @throws when the link has ended */
export type Publish = (topic: string, payload: Uint8Array) => Promise<number>

export interface PublisherOptions {
  readonly store: ConfigStore
  readonly prefix: string
  readonly log: Log
  /** UTC milliseconds. */
  readonly now: () => number
}

/**
 * Publishes desired configs, commit first: what waits to be published stands in the store until the broker has it. Who
 * publishes looks afterwards whether that is still the newest version, and else publishes again; so of several receivers the
 * last one to publish leaves the newest on the topic.
 */
export class DesiredPublisher {
  readonly #options: PublisherOptions
  #publish: Publish | undefined
  /** Ends the present pause; one after trouble ends only with a new connection. */
  #endPause: { readonly end: () => void; readonly afterTrouble: boolean } | undefined
  #woken = false
  #allDue = false
  #failing = false
  #counts = { published: 0, refused: 0 }

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  get counts(): { readonly published: number; readonly refused: number } {
    return { ...this.#counts }
  }

  /**
   * Messages go this way from now on; undefined: there is no way at present.
   * @param all everything is to be published once more: the broker may have lost it
   */
  over(publish: Publish | undefined, { all = false } = {}): void {
    this.#publish = publish
    this.#allDue ||= all
    this.#woken = true
    this.#endPause?.end()
  }

  /** Something may be waiting. */
  wake(): void {
    this.#woken = true
    if (this.#endPause?.afterTrouble === false) this.#endPause.end()
  }

  /** Works until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#woken = false
      const outcome = await this.#turn()
      if (outcome !== 'more' && !(outcome === 'nothing' && this.#woken))
        await this.#pause(outcome === 'trouble', signal)
    }
  }

  async #pause(afterTrouble: boolean, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    this.#endPause = { end: () => over.abort(), afterTrouble }
    await pause(afterTrouble ? REFUSED_PAUSE_MS : TURN_MS, AbortSignal.any([signal, over.signal]))
    this.#endPause = undefined
  }

  async #turn(): Promise<'more' | 'nothing' | 'trouble'> {
    const { store, now, log } = this.#options
    const publish = this.#publish
    if (publish === undefined) return 'nothing'
    let messages: readonly Unpublished[] = []
    try {
      if (this.#allDue) {
        await store.publishAll()
        this.#allDue = false
      }
      messages = await store.claim(now(), IN_FLIGHT_MAX)
      if (messages.length === 0) return 'nothing'
      const codes = await Promise.all(messages.map((message) => this.#send(message, publish)))
      const taken = messages.filter((_, i) => codes[i]! < 0x80)
      await store.published(taken)
      this.#counts.published += taken.length
      this.#failing = false
      // What the broker refuses must not keep the others waiting; nor is it asked again at once.
      return taken.length > 0 ? 'more' : 'trouble'
    } catch (failure) {
      if (!this.#failing) log.warn({ err: failure }, 'configs could not be published; they wait')
      this.#failing = true
      await this.#release(messages)
      return this.#publish === publish ? 'trouble' : 'nothing'
    }
  }

  /** Nobody knows which of them the broker has: they may be published again at once. */
  async #release(messages: readonly Unpublished[]): Promise<void> {
    try {
      await this.#options.store.published(messages.map((message) => ({ ...message, version: UNKNOWN_VERSION })))
    } catch {
      // They are claimed for a while yet.
    }
  }

  async #send({ edge, device, payload }: Unpublished, publish: Publish): Promise<number> {
    const code = await publish(cloudTopic(this.#options.prefix, edge, device, 'desired'), Buffer.from(payload))
    if (code >= 0x80) {
      this.#counts.refused++
      this.#options.log.error({ edge, device, reasonCode: code }, 'the broker refuses the config of a device')
    }
    return code
  }
}
