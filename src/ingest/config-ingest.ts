import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { localTopic, readLocalTopic } from '../config/topics.ts'

/**
 * Events that wait for a commit, at most. Beyond it an edit is answered with 429. An acknowledgement of a device is
 * dropped: the edge requests it again.
 */
const PENDING_MAX = 1_000
/** Events in one commit, at most. */
const COMMIT_MAX = 256
/** `devices/{device}/config` and the topics below it. */
const OURS = /^devices\/[^/]+\/config(\/(set|ack|result))?$/

/** A publish of a local client. */
export interface ConfigPublish {
  readonly topic: string
  readonly payload: Uint8Array
  readonly client: string
  readonly retain: boolean
}

type Event = { readonly device: string; readonly payload: Uint8Array } & (
  | { readonly kind: 'desired' }
  | { readonly kind: 'set'; readonly client: string; readonly retained: boolean }
  | { readonly kind: 'ack' }
)

interface LocalMessage {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
}

/** What config sync needs from the store: each call resolves when its results are on disk. */
export interface ConfigKeeper {
  events(events: readonly Event[]): Promise<void>
  /**
   * Publishes the state of some devices again, those with names after `after`. Resolves with the value of `after` for
   * the next call, or with undefined at the end.
   */
  restart(after: string): Promise<string | undefined>
}

interface Waiting {
  readonly event: Event
  readonly settle: (failure: Error | undefined) => void
}

/**
 * Configs of devices between local clients, the store, and the cloud broker. A publish with an edit or with an
 * acknowledgement of a device is acknowledged when its event is committed; its results are published after that.
 */
export class ConfigIngest {
  readonly #keeper: ConfigKeeper
  readonly #log: Log
  readonly #publish: (message: LocalMessage) => void
  #waiting: Waiting[] = []
  #busy = false

  /** @param publish sends a message to local clients */
  constructor(keeper: ConfigKeeper, { log, publish }: { log: Log; publish: (message: LocalMessage) => void }) {
    this.#keeper = keeper
    this.#log = log
    this.#publish = publish
  }

  /** Whether config sync handles publishes on a topic. */
  keeps(topic: string): boolean {
    return topic.startsWith('devices/') && OURS.test(topic)
  }

  /**
   * How the broker delivers a client's publish to subscribers. `none`: only the edge publishes there. `fresh`:
   * delivered but not retained, since a retained edit would be applied again at every start.
   */
  delivers(topic: string): 'all' | 'fresh' | 'none' {
    const found = readLocalTopic(topic)
    if (found === undefined) return 'none'
    return found.what === 'set' ? 'fresh' : 'all'
  }

  /** Takes a publish of a local client; settles when its results are on disk. */
  offer({ topic, payload, client, retain }: ConfigPublish, settle: (failure: Error | undefined) => void): void {
    const found = readLocalTopic(topic)
    if (found === undefined) {
      this.#log.warn({ topic, client }, 'ignored a message on a config topic that only the edge publishes to')
      return settle(undefined)
    }
    const { device, what } = found
    if (this.#waiting.length >= PENDING_MAX) {
      if (what === 'set') this.#tooMany(device)
      return settle(undefined)
    }
    const copy = Uint8Array.from(payload)
    const event: Event =
      what === 'set'
        ? { kind: what, device, payload: copy, client, retained: retain }
        : { kind: what, device, payload: copy }
    this.#take(event, settle)
  }

  /** Takes a desired config of the cloud; resolves when its results are on disk. */
  desired(device: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take({ kind: 'desired', device, payload }, (failure) => (failure ? reject(failure) : resolve()))
    })
  }

  #tooMany(device: string): void {
    const message = `${PENDING_MAX} edits already wait for the disk: send this one again later`
    const payload = JSON.stringify({ id: '', code: 429, rev: null, message })
    this.#publish({ topic: localTopic(device, 'result'), payload, retain: false })
  }

  #take(event: Event, settle: Waiting['settle']): void {
    this.#waiting.push({ event, settle })
    if (!this.#busy) void this.#work()
  }

  /** Events that arrive during a commit go into the next one. */
  async #work(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, COMMIT_MAX)
      const failure = await this.#keeper.events(group.map(({ event }) => event)).then(
        () => undefined,
        (cause: unknown) => new Error(`not stored: ${messageOf(cause)}`),
      )
      for (const { settle } of group) settle(failure)
    }
    this.#busy = false
  }

  /**
   * Publishes the state of all devices again, locally and to the cloud: earlier messages may be lost with the process.
   */
  async restart(): Promise<void> {
    try {
      for (let after: string | undefined = ''; after !== undefined; ) after = await this.#keeper.restart(after)
    } catch (failure) {
      this.#log.error({ err: failure }, 'not all configs were published again at start: restart the edge')
    }
  }
}
