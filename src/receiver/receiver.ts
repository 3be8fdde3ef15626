import { type Clock, pause } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import type { SchemaCheck } from '../config/schema-check.ts'
import { backoffMs } from '../link/backoff.ts'
import { type Link, LinkError, MESSAGES_OPEN_MAX, type MessageHandler } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import type { ReceiverSettings } from '../settings/receiver.ts'
import { clientIdOf } from './client-id.ts'
import { type ConfigStats, ConfigSync } from './config/config-sync.ts'
import { isEnabled, limitsOf } from './config/settings.ts'
import { type FleetCounts, FleetWatch } from './fleet/watch.ts'
import { Intake, type Open } from './intake.ts'
import { requestTopic, statusEdge, statusFilter } from './open-message.ts'
import { Outgoing } from './outgoing.ts'
import { answerOver } from './receipts.ts'
import type { Sink } from './sink.ts'
import { type Sharing, subscribeToBatches } from './subscription.ts'
import type { Counts } from './tally.ts'

/** Payloads of messages at work take at most so much, whatever the largest batch is that the settings allow. */
export const BYTES_OPEN_MAX = 67_108_864
/** MQTT 5 §4.13: another client with this id has connected. */
const SESSION_TAKEN_OVER = 0x8e
/** Not every broker says so. So many connections in turn that end within so long (ms) look like it. */
const SHORT_LIVES_MIN = 3
const SHORT_LIFE_MS = 10_000

export interface ReceiverStats extends Counts {
  readonly connected: boolean
  /** How it gets the batches of the present connection. */
  readonly sharing: Sharing | undefined
  /** Messages at work; the broker keeps the others. */
  readonly open: Open & { readonly most: Open }
  /** Undefined: the sink keeps nothing of the kind. */
  readonly fleet: FleetCounts | undefined
  /** Undefined: the sink keeps no configs, or the settings want none. */
  readonly config: ConfigStats | undefined
  /** What keeps readings from arriving, for people; undefined: nothing. */
  readonly trouble: string | undefined
}

export interface Receiver extends Part {
  stats(): ReceiverStats
}

export interface ReceiverDependencies {
  readonly log: Log
  readonly clock: Clock
  /** Belongs to the receiver from now on, which closes it when it stops. */
  readonly sink: Sink
  /** What the schemas of devices have against their configs: `loadSchemas(settings.config.schemas)`. Default: nothing. */
  readonly checkConfig?: SchemaCheck
  /** Uniform in [0, 1), for the backoff. */
  readonly random?: () => number
}

/**
 * Takes the batches of all edges from the cloud's broker into the sink, and answers each with a receipt after the
 * commit. A message is acknowledged to the broker only then; when the sink fails, the connection is given up and made
 * anew after a backoff, and the broker sends again. Receivers of one group share the batches, and must share their sink.
 * Resolves at once; the broker may be away and come later.
 */
export async function startReceiver(settings: ReceiverSettings, dependencies: ReceiverDependencies): Promise<Receiver> {
  return new CloudReceiver(settings, dependencies)
}

/** Messages at work at once. The more a batch may have, the fewer they are: what they take together is bounded. */
export function messagesOpenMax({ batchBytesMax }: Pick<ReceiverSettings, 'batchBytesMax'>): number {
  return Math.max(1, Math.min(MESSAGES_OPEN_MAX, Math.floor(BYTES_OPEN_MAX / batchBytesMax)))
}

class CloudReceiver implements Receiver {
  readonly name = 'receiver'
  readonly #settings: ReceiverSettings
  readonly #clientId: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #random: () => number
  readonly #sink: Sink
  readonly #intake: Intake
  readonly #watch: FleetWatch | undefined
  readonly #config: ConfigSync | undefined
  readonly #stopping = new AbortController()
  readonly #stopWatching = new AbortController()
  readonly #running: Promise<void>
  readonly #watching: Promise<unknown>
  #link: Link | undefined
  #sharing: Sharing | undefined
  #trouble: string | undefined
  /** Connections in turn that were made, and ended soon. */
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
    this.#random = random
    this.#intake = new Intake({ prefix, batchBytesMax, batchReadingsMax, sink, clock, log })
    this.#watch = sink.fleet && new FleetWatch(sink.fleet, { log, now })
    const limits = limitsOf(settings)
    const store = isEnabled(settings) ? sink.configs : undefined
    this.#config = store && new ConfigSync({ store, prefix, limits, check, log, now })
    const { signal } = this.#stopWatching
    this.#watching = Promise.all([this.#watch?.run(signal), this.#config?.run(signal)])
    this.#running = this.#run()
  }

  stats(): ReceiverStats {
    const { trouble = this.#trouble, open, counts } = this.#intake
    const [connected, fleet, config] = [this.#sharing !== undefined, this.#watch?.counts, this.#config?.stats]
    return { connected, sharing: this.#sharing, open, fleet, config, trouble, ...counts }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#link?.close()
    await this.#running
    await this.#intake.idle()
    this.#stopWatching.abort()
    await this.#watching
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#settings.cloud
    const { signal } = this.#stopping
    let attempt = 0
    while (!signal.aborted) {
      const commitsBefore = this.#intake.commits
      const reason = await this.#connection()
      if (signal.aborted) return
      this.#trouble = this.#explain(reason)
      // Only a commit proves that it works: a broker may accept and drop, and so may the sink.
      if (this.#intake.commits > commitsBefore) attempt = 0
      const waitMs = backoffMs(attempt++, { minMs, maxMs }, this.#random)
      this.#log.warn({ reason: this.#trouble, waitMs }, 'no connection to the broker')
      await pause(waitMs, signal)
    }
  }

  #explain(reason: unknown): string {
    const takenOver = reason instanceof LinkError && reason.reasonCode === SESSION_TAKEN_OVER
    if (!takenOver && this.#shortLives < SHORT_LIVES_MIN) return messageOf(reason)
    const seems = takenOver ? 'uses' : 'seems to use'
    return `${messageOf(reason)}: another client ${seems} the id ${this.#clientId}; give each receiver its own \`cloud.clientId\``
  }

  /** One connection from its beginning to its end. Resolves with why it ended, and never rejects. */
  async #connection(): Promise<unknown> {
    const { url } = this.#settings.cloud
    try {
      const { link, outgoing } = await this.#open()
      this.#link = link
      const sharing = await subscribeToBatches(link, this.#settings.cloud)
      if (this.#watch !== undefined) await this.#subscribeToStatus(link)
      await this.#config?.use(link, outgoing)
      this.#sharing = sharing
      this.#trouble = undefined
      this.#log.info({ url, sharing, session: link.sessionPresent }, 'receiving')
      const openedAt = performance.now()
      const reason = await link.closed
      this.#shortLives = performance.now() - openedAt < SHORT_LIFE_MS ? this.#shortLives + 1 : 0
      return reason
    } catch (failure) {
      this.#link?.destroy()
      return failure
    } finally {
      this.#watch?.over(undefined)
      this.#config?.pause()
      this.#sharing = undefined
      this.#link = undefined
    }
  }

  /**
   * Readings do not depend on it: a broker may refuse it. With QoS 0, for what an edge said of itself must not wait in
   * the session and come as if it were said now, nor take the place of readings; the broker keeps the latest anyhow.
   */
  async #subscribeToStatus(link: Link): Promise<void> {
    const { prefix } = this.#settings.cloud
    try {
      await link.subscribe(statusFilter(prefix), 0)
    } catch (failure) {
      if (!(failure instanceof LinkError && failure.kind === 'refused')) throw failure
      this.#log.warn({ err: failure }, 'there is no view of the edges')
    }
  }

  async #open(): Promise<{ readonly link: Link; readonly outgoing: Outgoing }> {
    const { url, tls, username, password, keepaliveS, connectTimeoutMs, sessionExpiryS, prefix } = this.#settings.cloud
    const link = await openLink({
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
      signal: this.#stopping.signal,
      onMessage: (...message) => handle(...message),
    })
    const outgoing = new Outgoing(link, (topic, reasonCode) => {
      this.#log.error({ topic, reasonCode }, 'the broker refuses what is for an edge, which sends for ever')
    })
    const answer = answerOver(outgoing, prefix)
    this.#watch?.over((edge, request) => outgoing.send(requestTopic(prefix, edge), request))
    const handle: MessageHandler = (topic, payload, { retained }) => {
      if (this.#config?.takes(topic)) return this.#config.take(topic, payload)
      const edge = statusEdge(topic, prefix)
      if (edge === undefined || this.#watch === undefined) return this.#intake.take({ topic, payload }, answer)
      return this.#watch.take(payload, { edge, at: this.#clock.now(), retained })
    }
    return { link, outgoing }
  }
}
