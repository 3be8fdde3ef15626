import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { TEXT_BYTES_MAX } from '../config/document.ts'
import { localTopic, readLocalTopic } from '../config/topics.ts'
import { FairQueue } from './fair-queue.ts'

/**
 * Local events that wait for a commit, and their bytes, at most; one client may take half of what is free. Beyond it an
 * edit is answered with 429. An acknowledgement of a device is dropped: the edge requests it again.
 */
const PENDING_MAX = 1_000
const PENDING_BYTES_MAX = 8_388_608
/**
 * A publish beyond these bounds is acknowledged after this time (ms): a client that does not stop is read no faster than
 * `broker.pendingPerClientMax` in this time.
 */
const REFUSED_ACK_MS = 1_000
/** Events in one commit, and their bytes, at most; the store thread ends a commit that takes long before that. */
const COMMIT_MAX = 256
const COMMIT_BYTES_MAX = 65_536
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
  /** Resolves with the number of events that were handled, the first ones; the others must be given again. */
  events(events: readonly Event[]): Promise<number>
  /**
   * Publishes the state of some devices again, those with names after `after`. Resolves with the value of `after` for
   * the next call, or with undefined at the end.
   */
  restart(after: string): Promise<string | undefined>
}

/** What one client has waiting. */
interface Load {
  count: number
  bytes: number
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
  readonly #waiting = new FairQueue<Waiting>()
  readonly #loads = new Map<string, Load>()
  readonly #total: Load = { count: 0, bytes: 0 }
  #refusedBytes = 0
  #ignored = 0
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

  /** Bytes of events that were taken and are not on disk yet, and of refused ones that are not acknowledged yet. */
  get pendingBytes(): number {
    return this.#total.bytes + this.#refusedBytes
  }

  /** Takes a publish of a local client; settles when its results are on disk. */
  offer({ topic, payload, client, retain }: ConfigPublish, settle: (failure: Error | undefined) => void): void {
    const found = readLocalTopic(topic)
    if (found === undefined) {
      // The first, second, fourth, eighth … one: a client must not fill the log.
      const count = ++this.#ignored
      const message = 'ignored messages on config topics that only the edge publishes to'
      if ((count & (count - 1)) === 0) this.#log.warn({ topic, client, count }, message)
      return settle(undefined)
    }
    const { device, what } = found
    if (this.#isFullFor(client)) {
      if (what === 'set') this.#tooMany(device)
      return this.#settleLater(payload.length, settle)
    }
    // A larger one is refused because of its size, whatever it contains.
    const copy = Uint8Array.from(payload.subarray(0, TEXT_BYTES_MAX + 1))
    const event: Event =
      what === 'set'
        ? { kind: what, device, payload: copy, client, retained: retain }
        : { kind: what, device, payload: copy }
    this.#take(client, event, settle)
  }

  /** Takes a desired config of the cloud; resolves when its results are on disk. */
  desired(device: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#take('', { kind: 'desired', device, payload }, (failure) => (failure ? reject(failure) : resolve()))
    })
  }

  #isFullFor(client: string): boolean {
    const { count, bytes } = this.#loads.get(client) ?? { count: 0, bytes: 0 }
    return count >= PENDING_MAX - this.#total.count || bytes >= PENDING_BYTES_MAX - this.#total.bytes
  }

  #settleLater(bytes: number, settle: Waiting['settle']): void {
    this.#refusedBytes += bytes
    const timer = setTimeout(() => {
      this.#refusedBytes -= bytes
      settle(undefined)
    }, REFUSED_ACK_MS)
    timer.unref()
  }

  #tooMany(device: string): void {
    const message = 'too many edits wait for the disk: send this one again later'
    const payload = JSON.stringify({ id: '', code: 429, rev: null, message })
    this.#publish({ topic: localTopic(device, 'result'), payload, retain: false })
  }

  #take(client: string, event: Event, settle: Waiting['settle']): void {
    const { length } = event.payload
    this.#count(client, 1, length)
    this.#waiting.push(client, length, { event, settle })
    if (!this.#busy) void this.#work()
  }

  #count(client: string, count: number, bytes: number): void {
    const own = this.#loads.get(client) ?? { count: 0, bytes: 0 }
    for (const load of [own, this.#total]) {
      load.count += count
      load.bytes += bytes
    }
    if (own.count === 0) this.#loads.delete(client)
    else this.#loads.set(client, own)
  }

  /** Events that arrive during a commit go into the next one. */
  async #work(): Promise<void> {
    this.#busy = true
    while (this.#waiting.size > 0) {
      const group = this.#waiting.take(COMMIT_MAX, COMMIT_BYTES_MAX)
      let handled = group.length
      let failure: Error | undefined
      try {
        handled = await this.#keeper.events(group.map(({ item }) => item.event))
      } catch (cause) {
        failure = new Error(`not stored: ${messageOf(cause)}`)
      }
      for (const [place, taken] of group.entries()) {
        if (place >= handled) this.#waiting.putBack(taken)
        else {
          this.#count(taken.client, -1, -taken.bytes)
          taken.item.settle(failure)
        }
      }
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
