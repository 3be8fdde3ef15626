import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import { shownUrl } from '../base/text/shown-url.ts'
import type { SchemaCheck } from '../config/schema-check.ts'
import { type Link, LinkError, type LinkOptions, MESSAGES_OPEN_MAX, type MessageHandler } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import { Reconnect } from '../link/reconnect.ts'
import type { ReceiverSettings } from '../settings/receiver.ts'
import { clientIdOf } from './client-id.ts'
import { CloudConfigSync, type ConfigStats } from './config/config-sync.ts'
import { isEnabled, limitsOf } from './config/settings.ts'
import { type FleetCounts, FleetWatch } from './fleet/watch.ts'
import { type Open, ReceiverIntake, type SendReceipt } from './intake.ts'
import { HEAD_BYTES_MAX, requestTopic, statusEdge, statusFilter } from './open-message.ts'
import { OutgoingQueue } from './outgoing.ts'
import { Presence } from './presence.ts'
import { answerOver } from './receipts.ts'
import type { Sink } from './sink.ts'
import { type Sharing, subscribeToBatches } from './subscription.ts'
import type { Counts } from './tally.ts'
import { TimeAnnouncer } from './time-announcer.ts'

/** Bytes that the payloads of all messages in progress may take, whatever batch size the settings allow. */
export const BYTES_OPEN_MAX = 67_108_864
/** Bytes of a packet in addition to its payload: topic and properties. */
const PACKET_HEAD_BYTES_MAX = 131_072
/** MQTT 5 §4.13: another client with this id has connected. */
const SESSION_TAKEN_OVER = 0x8e
/**
 * Not every broker sends that code. This many connections in a row that end within this time (milliseconds) suggest
 * it.
 */
const SHORT_LIVES_MIN = 3
const SHORT_LIFE_MS = 10_000
/** How long a stop waits for the broker to accept the offline status (ms). */
const GOODBYE_MS = 1_000

export interface ReceiverStats extends Counts {
  readonly connected: boolean
  /** Kind of subscription of the present connection; undefined: there is no connection. */
  readonly sharing: Sharing | undefined
  /** Messages in progress; the broker keeps the others. */
  readonly open: Open & { readonly most: Open }
  /** Undefined: the sink keeps no fleet view. */
  readonly fleet: FleetCounts | undefined
  /** Undefined: the sink keeps no configs, or the settings disable config sync. */
  readonly config: ConfigStats | undefined
  /** Names of edges of which two run at once, such as a copy of a machine. */
  readonly copied: readonly string[]
  /** Why readings do not arrive, as text; undefined: they do. */
  readonly trouble: string | undefined
}

export interface Receiver extends Part {
  stats(): ReceiverStats
}

export interface ReceiverDependencies {
  readonly log: Log
  readonly clock: Clock
  /** The receiver owns it from now on and closes it on stop. */
  readonly sink: Sink
  /**
   * Returns the objections of device schemas to their configs: `loadSchemas(settings.config.schemas)`. Default: none.
   */
  readonly checkConfig?: SchemaCheck
  /** Uniform in [0, 1), for the backoff. */
  readonly random?: () => number
}

/**
 * Stores the batches of all edges from the cloud broker in the sink, and answers each with a receipt after the
 * commit. A message is acknowledged to the broker only then. If the sink fails, the receiver ends the connection,
 * connects again after a backoff, and the broker sends the messages again. Receivers of one group share the batches,
 * and must share their sink. Resolves at once; the broker may be unreachable at that time.
 */
export async function startReceiver(settings: ReceiverSettings, dependencies: ReceiverDependencies): Promise<Receiver> {
  return new CloudReceiver(settings, dependencies)
}

/** Messages in progress at once. The larger a batch may be, the fewer they are: their total memory is bounded. */
export function messagesOpenMax({ batchBytesMax }: Pick<ReceiverSettings, 'batchBytesMax'>): number {
  return Math.max(1, Math.min(MESSAGES_OPEN_MAX, Math.floor(BYTES_OPEN_MAX / batchBytesMax)))
}

class CloudReceiver implements Receiver {
  readonly name = 'receiver'
  readonly #settings: ReceiverSettings
  readonly #clientId: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #reconnect: Reconnect
  readonly #sink: Sink
  readonly #intake: ReceiverIntake
  readonly #watch: FleetWatch | undefined
  readonly #config: CloudConfigSync | undefined
  readonly #presence: Presence
  readonly #stopping = new AbortController()
  readonly #stopWatching = new AbortController()
  readonly #running: Promise<void>
  readonly #watching: Promise<unknown>
  #link: Link | undefined
  #sharing: Sharing | undefined
  #trouble: string | undefined
  /** Connections in a row that were made and ended soon. */
  #shortLives = 0

  constructor(settings: ReceiverSettings, dependencies: ReceiverDependencies) {
    const { batchBytesMax, batchReadingsMax } = settings
    const { log, clock, sink, random = Math.random, checkConfig: check = () => [] } = dependencies
    const { prefix } = settings.cloud
    const now = (): number => clock.now()
    this.#settings = settings
    this.#clientId = clientIdOf(settings)
    this.#log = log
    this.#clock = clock
    this.#sink = sink
    const { url, backoffMinMs: minMs, backoffMaxMs: maxMs } = settings.cloud
    this.#reconnect = new Reconnect({ url, minMs, maxMs, random })
    this.#intake = new ReceiverIntake({ prefix, batchBytesMax, batchReadingsMax, sink, clock, log })
    this.#watch = sink.fleet && new FleetWatch(sink.fleet, { log, now })
    const limits = limitsOf(settings)
    const store = isEnabled(settings) ? sink.configs : undefined
    this.#config = store && new CloudConfigSync({ store, prefix, limits, check, log, now })
    const enabled = settings.cloud.presence
    this.#presence = new Presence({ prefix, receiver: this.#clientId, enabled, log, random })
    const { signal } = this.#stopWatching
    this.#watching = Promise.all([this.#watch?.run(signal), this.#config?.run(signal)])
    this.#running = this.#run()
  }

  stats(): ReceiverStats {
    const { trouble = this.#trouble, open, counts, copied } = this.#intake
    const [connected, fleet, config] = [this.#sharing !== undefined, this.#watch?.counts, this.#config?.stats]
    return { connected, sharing: this.#sharing, open, fleet, config, copied, trouble, ...counts }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#presence.leave(GOODBYE_MS)
    await this.#link?.close()
    await this.#running
    await this.#intake.idle()
    this.#stopWatching.abort()
    await this.#watching
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const commitsBefore = this.#intake.commits
      const reason = await this.#connection()
      if (signal.aborted) return
      this.#trouble = this.#explain(reason)
      if (this.#intake.commits > commitsBefore) this.#reconnect.worked()
      this.#log.warn({ err: reason, reason: this.#trouble }, 'the connection to the broker failed or ended')
      await this.#reconnect.pause(reason, signal)
    }
  }

  #explain(reason: unknown): string {
    const takenOver = reason instanceof LinkError && reason.reasonCode === SESSION_TAKEN_OVER
    if (!takenOver && this.#shortLives < SHORT_LIVES_MIN) return messageOf(reason)
    const seems = takenOver ? 'uses' : 'seems to use'
    return `${messageOf(reason)}: another client ${seems} the id ${this.#clientId}; give each receiver its own \`cloud.clientId\``
  }

  /** One connection from its beginning to its end. Resolves with the reason why it ended, and never rejects. */
  async #connection(): Promise<unknown> {
    const { url } = this.#settings.cloud
    try {
      const { link, outgoing } = await this.#open()
      this.#link = link
      const sharing = await subscribeToBatches(link, this.#settings.cloud)
      if (this.#watch !== undefined) await this.#subscribeToStatus(link)
      await this.#config?.use(link, outgoing)
      await this.#presence.begin(link)
      this.#sharing = sharing
      this.#trouble = undefined
      this.#log.info({ url: shownUrl(url), sharing, session: link.sessionPresent }, 'receiving')
      const openedAt = performance.now()
      const reason = await link.closed
      const openMs = performance.now() - openedAt
      this.#shortLives = openMs < SHORT_LIFE_MS ? this.#shortLives + 1 : 0
      this.#reconnect.ended(openMs)
      return reason
    } catch (failure) {
      this.#link?.destroy()
      return failure
    } finally {
      this.#presence.end()
      this.#watch?.over(undefined)
      this.#config?.pause()
      this.#sharing = undefined
      this.#link = undefined
    }
  }

  /**
   * Readings do not depend on it: a broker may refuse it. QoS 0, because a status must not wait in the session and
   * arrive as if it were current, nor take the place of readings; the broker retains the latest status anyway.
   */
  async #subscribeToStatus(link: Link): Promise<void> {
    const { prefix } = this.#settings.cloud
    try {
      await link.subscribe(statusFilter(prefix), 0)
    } catch (failure) {
      if (!(failure instanceof LinkError && failure.kind === 'refused')) throw failure
      this.#log.warn({ err: failure }, 'the broker refused the status subscription: there is no fleet view')
    }
  }

  async #open(): Promise<{ readonly link: Link; readonly outgoing: OutgoingQueue }> {
    const { url, tls, username, password, keepaliveS, connectTimeoutMs, sessionExpiryS, prefix } = this.#settings.cloud
    const options: LinkOptions = {
      url,
      tls,
      clientId: this.#clientId,
      username,
      password,
      keepaliveS,
      connectTimeoutMs,
      session: true,
      sessionExpiryS,
      messagesOpenMax: messagesOpenMax(this.#settings),
      // A batch that is too large must arrive, so that its edge gets the reason.
      receivedBytesMax: Math.max(this.#settings.batchBytesMax, HEAD_BYTES_MAX) + PACKET_HEAD_BYTES_MAX,
      signal: this.#stopping.signal,
      onMessage: (...message) => handle(...message),
    }
    const link = await this.#presence.open((will) => openLink({ ...options, ...will }))
    const outgoing = new OutgoingQueue(link, (topic, reasonCode) => {
      this.#log.error({ topic, reasonCode }, 'the broker rejects messages to an edge, so that edge keeps resending')
    })
    const receipts = answerOver(outgoing, prefix)
    const times = new TimeAnnouncer(this.#clock, prefix, (topic, payload) => {
      link.publish(topic, payload, { qos: 0 }).catch(() => undefined) // the link is lost, or the broker refuses it
    })
    const answer: SendReceipt = (edge, receipt) => {
      times.heardFrom(edge)
      return receipts(edge, receipt)
    }
    this.#watch?.over((edge, request) => outgoing.send(requestTopic(prefix, edge), request))
    const handle: MessageHandler = (topic, payload, { retained }) => {
      if (this.#presence.take(topic, payload)) return
      if (this.#config?.takes(topic)) return this.#config.take(topic, payload)
      const edge = statusEdge(topic, prefix)
      if (edge === undefined || this.#watch === undefined) return this.#intake.take({ topic, payload }, answer)
      return this.#watch.take(payload, { edge, at: this.#clock.now(), retained })
    }
    return { link, outgoing }
  }
}
