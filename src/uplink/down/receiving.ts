import { pause } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Part } from '../../base/lifecycle.ts'
import type { Log } from '../../base/log.ts'
import { oneLine } from '../../base/text/one-line.ts'
import type { Link, MessageInfo } from '../../link/link.ts'
import { openLink } from '../../link/open.ts'
import { Reconnect } from '../../link/reconnect.ts'
import type { UplinkSettings } from '../../settings/schema/uplink.ts'
import { subscribeWithin } from '../connect.ts'
import type { DownRoutes } from './routes.ts'

/** The largest packet that is read (bytes). A broker with MQTT 5 drops larger ones; with 3.1.1 it ends the connection. */
const PACKET_BYTES_MAX = 16_777_216
/** Payloads in one commit, so that the commits of readings hardly wait (bytes); a larger message goes alone. */
const COMMIT_BYTES_MAX = 1_048_576
/** How often to check whether a full queue has room again (ms). */
const ROOM_EVERY_MS = 1_000
/** Refused messages are logged at most once in this time (ms). */
const LOG_EVERY_MS = 60_000
const TOPIC_CHARS_MAX = 100

/** A message on its way to the disk. */
export interface StoredMessage {
  readonly topic: string
  readonly retain: boolean
  readonly payload: Uint8Array
  readonly expiryS: number
}

export interface ReceivingDependencies {
  readonly edge: string
  readonly log: Log
  /** A random number x, 0 ≤ x < 1. */
  readonly random: () => number
  /**
   * Stores messages in their order; resolves when they are on the disk. `taken`: the first ones that need not come again;
   * `tooLarge`: of these, those that can never be stored.
   */
  add(messages: readonly StoredMessage[]): Promise<{ taken: number; tooLarge: number; hasRoom: boolean }>
  /** Messages were stored. */
  onStored(): void
}

/** Messages from the broker of one uplink for local clients. Counts are since the start. */
export interface DownLinkStats {
  readonly uplink: string
  readonly connected: boolean
  readonly received: number
  /** Acknowledged and not stored: too large, no route, or a topic that the local broker does not accept. */
  readonly refused: number
  /** Acknowledged and not stored: the cloud broker retained them, and their route is for commands. */
  readonly retainedIgnored: number
  /**
   * For how long the connection has been closed because the queue has no room (ms): the cloud broker keeps the messages;
   * undefined: there is room.
   */
  readonly fullMs: number | undefined
  readonly failures: number
  readonly lastFailure: string | undefined
}

interface Pending {
  readonly message: StoredMessage
  resolve(): void
  reject(failure: Error): void
}

/**
 * Receives the messages of down routes over a connection of its own, whose persistent session makes the cloud broker keep
 * what comes while the edge is away. Each message is on the disk before its PUBACK leaves. When the queue is full, the
 * connection is closed with the messages unacknowledged, and opened again when there is room.
 */
export class DownReceiving implements Part {
  readonly name: string
  readonly #settings: UplinkSettings
  readonly #routes: DownRoutes
  readonly #deps: ReceivingDependencies
  readonly #reconnect: Reconnect
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #pending: Pending[] = []
  #isCommitting = false
  /** Since when the queue has no room (monotonic ms). */
  #fullAt: number | undefined
  #link: Link | undefined
  #isSubscribed = false
  #received = 0
  #refused = 0
  #retainedIgnored = 0
  #failures = 0
  #lastFailure: string | undefined
  #loggedAt = -Infinity

  private constructor(settings: UplinkSettings, routes: DownRoutes, dependencies: ReceivingDependencies) {
    this.name = `down link of ${settings.name}`
    this.#settings = settings
    this.#routes = routes
    this.#deps = dependencies
    const { url, backoffMinMs: minMs, backoffMaxMs: maxMs } = settings
    this.#reconnect = new Reconnect({ url, minMs, maxMs, random: dependencies.random })
    this.#running = this.#run()
  }

  /** Starts at once and never fails for a cloud that is away. */
  static start(settings: UplinkSettings, routes: DownRoutes, dependencies: ReceivingDependencies): DownReceiving {
    return new DownReceiving(settings, routes, dependencies)
  }

  stats(): DownLinkStats {
    return {
      uplink: this.#settings.name,
      connected: this.#isSubscribed,
      received: this.#received,
      refused: this.#refused,
      retainedIgnored: this.#retainedIgnored,
      fullMs: this.#fullAt === undefined ? undefined : performance.now() - this.#fullAt,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#untilRoom()
      if (signal.aborted) return
      const failure = await this.#connection()
      if (signal.aborted) return
      if (this.#fullAt !== undefined) continue
      this.#failures++
      this.#lastFailure = messageOf(failure)
      this.#deps.log.warn({ err: failure }, 'the connection for messages from the cloud failed or ended')
      await this.#reconnect.pause(failure, signal)
    }
  }

  async #untilRoom(): Promise<void> {
    const { signal } = this.#stopping
    while (this.#fullAt !== undefined && !signal.aborted) {
      await pause(ROOM_EVERY_MS, signal)
      const { hasRoom } = await this.#deps.add([]).catch(() => ({ hasRoom: false }))
      if (hasRoom) this.#fullAt = undefined
    }
  }

  /** One connection from its beginning to its end. @returns why it ended */
  async #connection(): Promise<unknown> {
    const { signal } = this.#stopping
    let link: Link | undefined
    try {
      link = await this.#open()
      this.#link = link
      const openedAt = performance.now()
      await subscribeWithin(link, this.#routes.filters, { ms: this.#settings.connectTimeoutMs, signal })
      this.#isSubscribed = true
      this.#lastFailure = undefined
      this.#failures = 0
      this.#deps.log.info({ protocolVersion: link.protocolVersion }, 'connected for messages from the cloud')
      const closed = link.closed
      const end = await Promise.race([closed, aborted(signal)])
      this.#reconnect.ended(performance.now() - openedAt)
      if (signal.aborted) await link.close()
      return end
    } catch (failure) {
      return failure
    } finally {
      this.#link = undefined
      this.#isSubscribed = false
      this.#pending = [] // not answered: they come again
      link?.destroy()
    }
  }

  #open(): Promise<Link> {
    const { url, clientId, name, username, password, keepaliveS, connectTimeoutMs, tls } = this.#settings
    return openLink({
      url,
      clientId: `${clientId ?? `tidegate-${this.#deps.edge}-${name}`}-down`,
      username,
      password,
      tls,
      session: true,
      receivedBytesMax: PACKET_BYTES_MAX,
      keepaliveS,
      connectTimeoutMs,
      warn: (text) => this.#deps.log.warn(text),
      signal: this.#stopping.signal,
      onMessage: (topic, payload, info) => this.#take(topic, payload, info),
    })
  }

  /** Resolves when the message is on the disk, or will never be stored. Rejects when it must come again. */
  #take(topic: string, payload: Uint8Array, { retained }: MessageInfo): Promise<void> | undefined {
    this.#received++
    const match = this.#routes.match(topic)
    if (typeof match === 'string') return this.#refuse(topic, match)
    if (retained && !match.retain) {
      this.#retainedIgnored++
      return undefined
    }
    const message = { ...match, payload: new Uint8Array(payload) }
    return new Promise((resolve, reject) => {
      if (this.#fullAt !== undefined) return // without an answer
      this.#pending.push({ message, resolve, reject })
      if (!this.#isCommitting) void this.#commit()
    })
  }

  #refuse(topic: string, reason: string): undefined {
    this.#refused++
    if (performance.now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = performance.now()
    this.#deps.log.warn({ topic: oneLine(topic, TOPIC_CHARS_MAX), reason }, 'a message from the cloud was refused')
  }

  /** One commit for what arrived during the previous one. */
  async #commit(): Promise<void> {
    this.#isCommitting = true
    while (this.#pending.length > 0) {
      const chosen = this.#pending.splice(0, countWithin(this.#pending, COMMIT_BYTES_MAX))
      try {
        const { taken, tooLarge } = await this.#deps.add(chosen.map(({ message }) => message))
        for (const { resolve } of chosen.slice(0, taken)) resolve()
        if (taken > tooLarge) this.#deps.onStored()
        for (let i = 0; i < tooLarge; i++) this.#refuse('', 'it is too large')
        if (taken < chosen.length) await this.#closeFull()
      } catch (failure) {
        const lost = new Error(`cannot store messages from the cloud: ${messageOf(failure)}`, { cause: failure })
        // All after them must come again, too: none may overtake another.
        for (const { reject } of [...chosen, ...this.#pending.splice(0)]) reject(lost)
      }
    }
    this.#isCommitting = false
  }

  /**
   * Closes the connection without an answer to the messages that have no room. Those before them are answered first: a
   * message that is stored and not answered comes again, and would fill the queue a second time.
   */
  async #closeFull(): Promise<void> {
    this.#fullAt ??= performance.now()
    this.#pending = []
    await new Promise(setImmediate)
    await this.#link?.close()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }
}

/** The number of messages, from the first on, that have at most `bytesMax` bytes together; at least one. */
function countWithin(pending: readonly Pending[], bytesMax: number): number {
  let bytes = 0
  const end = pending.findIndex(({ message }) => {
    bytes += message.payload.length
    return bytes > bytesMax
  })
  return end === -1 ? pending.length : Math.max(1, end)
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
