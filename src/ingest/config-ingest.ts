import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { localTopic, readLocalTopic } from '../config/topics.ts'

/** Events that wait for a commit, at most; an edit above it is answered with 429, an acknowledgement is dropped: it comes again. */
const PENDING_MAX = 1_000
/** Events of one commit. */
const COMMIT_MAX = 256
/** `devices/{device}/config` and what lies below it. */
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

/** What config sync needs of whoever keeps configs: each resolves when it is on the disk. */
export interface ConfigKeeper {
  events(events: readonly Event[]): Promise<void>
  /** Asserts some devices again; resolves with where to go on, or with undefined at the end. */
  restart(after: string): Promise<string | undefined>
}

interface Waiting {
  readonly event: Event
  readonly settle: (failure: Error | undefined) => void
}

/**
 * Configs of devices between local clients, the disk, and the cloud's broker. An edit or an acknowledgement of a device is
 * acknowledged when it is committed; what comes of it is published after that.
 */
export class ConfigSync {
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

  /** Whether publishes on a topic are ours. */
  keeps(topic: string): boolean {
    return topic.startsWith('devices/') && OURS.test(topic)
  }

  /**
   * What becomes of a client's publish at the broker. `none`: only the edge speaks there. `fresh`: it is not retained, for
   * an edit must not be made again and again.
   */
  delivers(topic: string): 'all' | 'fresh' | 'none' {
    const found = readLocalTopic(topic)
    if (found === undefined) return 'none'
    return found.what === 'set' ? 'fresh' : 'all'
  }

  /** Takes a publish of a local client; settles when what it means is on the disk. */
  offer({ topic, payload, client, retain }: ConfigPublish, settle: (failure: Error | undefined) => void): void {
    const found = readLocalTopic(topic)
    if (found === undefined) {
      this.#log.warn({ topic, client }, 'only the edge publishes the config of a device: the message was passed over')
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

  /** A config of the cloud's; resolves when what it means is on the disk. */
  desired(device: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take({ kind: 'desired', device, payload }, (failure) => (failure ? reject(failure) : resolve()))
    })
  }

  #tooMany(device: string): void {
    const message = `${PENDING_MAX} edits wait for the disk already: send it again later`
    const payload = JSON.stringify({ id: '', code: 429, rev: null, message })
    this.#publish({ topic: localTopic(device, 'result'), payload, retain: false })
  }

  #take(event: Event, settle: Waiting['settle']): void {
    this.#waiting.push({ event, settle })
    if (!this.#busy) void this.#work()
  }

  /** What has come while a commit was at work goes into the next one. */
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

  /** Says everything again that local clients and the cloud must know: what was published may be lost with the process. */
  async restart(): Promise<void> {
    try {
      for (let after: string | undefined = ''; after !== undefined; ) after = await this.#keeper.restart(after)
    } catch (failure) {
      this.#log.error({ err: failure }, 'configs were not all asserted again: restart the edge')
    }
  }
}
