import { pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { cloudTopic } from '../../config/topics.ts'
import { type ConfigStore, UNKNOWN_VERSION, type Unpublished } from './config-store.ts'

/** How often it checks whether a command or another receiver has left something to publish (milliseconds). */
const TURN_MS = 250
/** Desired messages in flight at once; each has at most about 33 KiB. */
const IN_FLIGHT_MAX = 64
/**
 * After a refusal or a failure the same message is tried again after this time, CLAIM_MS at the latest
 * (milliseconds).
 */
const REFUSED_PAUSE_MS = 5_000

/** Publishes retained with QoS 1. @returns the broker's reason code @throws when the link has ended */
export type PublishConfig = (topic: string, payload: Uint8Array) => Promise<number>

export interface CloudConfigPublisherOptions {
  readonly store: ConfigStore
  readonly prefix: string
  readonly log: Log
  /** UTC milliseconds. */
  readonly now: () => number
}

/**
 * Publishes desired configs after their commit: a message stays unpublished in the store until the broker has it.
 * After publishing, a receiver checks whether its version is still the newest, and publishes again if not; so with
 * several receivers the one that publishes last leaves the newest version on the topic.
 */
export class DesiredPublisher {
  readonly #options: CloudConfigPublisherOptions
  #publish: PublishConfig | undefined
  /** Ends the present pause; a pause after an error ends only with a new connection. */
  #endPause: { readonly end: () => void; readonly afterTrouble: boolean } | undefined
  #woken = false
  #allDue = false
  #failing = false
  #counts = { published: 0, refused: 0 }

  constructor(options: CloudConfigPublisherOptions) {
    this.#options = options
  }

  get counts(): { readonly published: number; readonly refused: number } {
    return { ...this.#counts }
  }

  /**
   * Sets the connection for messages; undefined: there is none at present.
   * @param all everything is to be published again: the broker may have lost it
   */
  over(publish: PublishConfig | undefined, { all = false } = {}): void {
    this.#publish = publish
    this.#allDue ||= all
    this.#woken = true
    this.#endPause?.end()
  }

  /** A message may be waiting. */
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
      // A refused message must not delay the others, and is not tried again at once.
      return taken.length > 0 ? 'more' : 'trouble'
    } catch (failure) {
      if (!this.#failing) log.warn({ err: failure }, 'cannot publish configs; they are tried again')
      this.#failing = true
      await this.#release(messages)
      return this.#publish === publish ? 'trouble' : 'nothing'
    }
  }

  /** It is not known which of them the broker has: they may be published again at once. */
  async #release(messages: readonly Unpublished[]): Promise<void> {
    try {
      await this.#options.store.published(messages.map((message) => ({ ...message, version: UNKNOWN_VERSION })))
    } catch {
      // They stay claimed until the claim expires.
    }
  }

  async #send({ edge, device, payload }: Unpublished, publish: PublishConfig): Promise<number> {
    const code = await publish(cloudTopic(this.#options.prefix, edge, device, 'desired'), Buffer.from(payload))
    if (code >= 0x80) {
      this.#counts.refused++
      this.#options.log.error({ edge, device, reasonCode: code }, 'the broker refused the config of a device')
    }
    return code
  }
}
