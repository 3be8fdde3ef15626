import { pause } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Link, MessageHandler } from '../link/link.ts'
import { Reconnect } from '../link/reconnect.ts'
import { SameIdWatch } from '../link/same-id.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import { NamePause } from './answers/name-pause.ts'
import { ReceiverWatch } from './answers/receiver-watch.ts'
import { BatchPublisher } from './batch-publisher.ts'
import { Budget, momentOf } from './budget.ts'
import { ConfigLink } from './config-link.ts'
import { configWindow } from './config-publisher.ts'
import { connect, subscribeWithin } from './connect.ts'
import type { UplinkDependencies, UplinkStats } from './dependencies.ts'
import type { Format } from './format/format.ts'
import { makeFormat } from './format/make-format.ts'
import { MetricRegistry } from './format/metric-registry.ts'
import { Session } from './session.ts'
import type { SessionEnd } from './session-types.ts'
import { StatusReporter } from './status-reporter.ts'
import { type CloudTopics, cloudTopics } from './topics.ts'

/** How long a stop waits for answers to messages in flight (milliseconds). */
const DRAIN_MS = 2_000
/** How long it then waits for the broker to accept the offline status (milliseconds): the link may be dead. */
const GOODBYE_MS = 1_000
/** Confirmed messages after which a cautious uplink sends more than one message at a time again. */
const CAUTION_CONFIRMED = 64
/** Connection numbers (Sparkplug's bdSeq) wrap around at this count. */
const CONNECTION_NUMBERS = 256

/** The end of a connection that began while the uplink stops. */
const STOPPED = { atOnce: true, cautious: false, cause: undefined }

/**
 * Delivers stored readings to one cloud broker, for as long as it takes. Connects anew after every failure, with a
 * growing pause (full jitter). Only a connection that lasted or that brought an answer resets it: an uplink must not
 * hammer a broker that accepts connections and nothing else.
 */
export class Uplink implements Part {
  readonly name: string
  readonly #settings: UplinkSettings
  readonly #deps: UplinkDependencies
  readonly #topics: CloudTopics
  readonly #metricRegistry = new MetricRegistry()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #budget: Budget
  #link: Link | undefined
  #format: Format | undefined
  #session: Session | undefined
  #connections: number
  #caution = 0
  #failures = 0
  #lastFailure: string | undefined
  readonly #reconnect: Reconnect
  readonly #sameId = new SameIdWatch()
  readonly #namePause: NamePause
  #sentReadings = 0
  #sentBytes = 0
  #confirmedReadings = 0
  #lastConfirmedAt: number | undefined
  readonly #receiver: ReceiverWatch
  readonly #reporter: StatusReporter
  readonly #configs: ConfigLink

  private constructor(settings: UplinkSettings, dependencies: UplinkDependencies) {
    this.name = `uplink ${settings.name}`
    this.#settings = settings
    this.#deps = dependencies
    this.#namePause = new NamePause(dependencies)
    this.#topics = cloudTopics(settings.prefix, dependencies.edge)
    const onBack = ({ kept }: { readonly kept: boolean }): void => this.#session?.back(kept)
    this.#receiver = new ReceiverWatch({ ...dependencies, settings, topics: this.#topics, onBack })
    this.#configs = new ConfigLink({
      ...settings,
      ...dependencies,
      configs: dependencies.configs,
      waitMs: (bytes) => this.#budget.waitMs(bytes, momentOf(this.#deps)),
      signal: this.#stopping.signal,
    })
    this.#reporter = new StatusReporter({
      ...dependencies,
      settings,
      topic: this.#topics.status,
      allows: (bytes) => this.#budget.allow(momentOf(this.#deps)).live >= bytes,
      isSilent: () => this.#receiver.isSilent,
    })
    this.#budget = new Budget(settings.budget, undefined, momentOf(this.#deps))
    const { url, backoffMinMs: minMs, backoffMaxMs: maxMs } = settings
    this.#reconnect = new Reconnect({ url, minMs, maxMs, random: dependencies.random })
    this.#connections = Math.floor(dependencies.random() * CONNECTION_NUMBERS)
    this.#running = this.#run()
  }

  /** Starts at once and never fails for a cloud that is away: that is the normal case. */
  static start(settings: UplinkSettings, dependencies: UplinkDependencies): Uplink {
    return new Uplink(settings, dependencies)
  }

  /** The store has new readings. They may wait until a batch has filled up. */
  notifyStored(readings: number): void {
    this.#session?.notifyStored(readings)
  }

  /** There may be something to send without delay, such as a message or an operator's order. */
  notify(): void {
    this.#namePause.notify()
    this.#session?.notify()
  }

  /** A config message is ready to be sent. */
  notifyConfigs(): void {
    this.#configs.notify()
  }

  stats(): UplinkStats {
    return {
      name: this.#settings.name,
      connected: this.#session !== undefined,
      protocolVersion: this.#link?.protocolVersion,
      inFlight: this.#session?.inFlight ?? 0,
      window: this.#session?.window,
      sentReadings: this.#sentReadings,
      sentBytes: this.#sentBytes,
      confirmedReadings: this.#confirmedReadings,
      lastConfirmedMs: this.#lastConfirmedAt === undefined ? undefined : performance.now() - this.#lastConfirmedAt,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      paused: this.#namePause.stats,
      sameId: this.#sameId.verdict(performance.now()),
      ...this.#receiver.stats,
      ...this.#budget.report(momentOf(this.#deps)),
      configProblem: this.#configs.problem,
      statusProblem: this.#reporter.problem,
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { outbox, log } = this.#deps
    try {
      this.#budget = new Budget(this.#settings.budget, await outbox.spent(), momentOf(this.#deps))
    } catch (failure) {
      log.error({ err: failure }, 'cannot read the stored link usage: it counts from 0')
    }
    while (!signal.aborted) {
      const { atOnce, cautious, cause } = await this.#connection()
      if (signal.aborted) return
      if (cautious) this.#caution = CAUTION_CONFIRMED
      if (!atOnce) {
        this.#failures++
        await this.#reconnect.pause(cause, signal)
      }
    }
  }

  /** One connection from its beginning to its end. */
  async #connection(): Promise<Omit<SessionEnd, 'reason'>> {
    const { log, outbox, edge, clock } = this.#deps
    try {
      if (!(await this.#namePause.over(this.#stopping.signal))) return STOPPED
      const bdSeq = this.#connections++ % CONNECTION_NUMBERS
      this.#format = makeFormat(this.#settings, { edge, clock, metricRegistry: this.#metricRegistry, bdSeq })
      const link = await this.#open(this.#format)
      const openedAt = performance.now()
      this.#link = link
      if (this.#stopping.signal.aborted) return STOPPED
      const options = { format: this.#format, bytesMax: this.#settings.batchBytesMax }
      const batchPublisher = new BatchPublisher(link, this.#topics, options)
      const session = this.#begin(link, batchPublisher)
      await this.#subscribe(link)
      await outbox.release(this.#budget.spent) // everything stored until now is the backlog of this connection
      if (this.#format !== undefined) await batchPublisher.begin(this.#format)
      if (this.#stopping.signal.aborted) return STOPPED
      this.#session = session
      this.#receiver.begin(link)
      await this.#configs.begin(link)
      this.#reporter.begin(link)
      log.info({ protocolVersion: link.protocolVersion }, 'connected to the cloud')
      const end = await session.run()
      const now = performance.now()
      if (!this.#stopping.signal.aborted) this.#sameId.ended(end.cause, { openedAt, now })
      this.#reconnect.ended(now - openedAt)
      this.#failed(end.reason, end.cause)
      return end
    } catch (failure) {
      this.#failed(messageOf(failure), failure)
      return { atOnce: false, cautious: false, cause: failure }
    } finally {
      this.#session = undefined
      this.#reporter.end()
      this.#receiver.end()
      this.#configs.end()
      if (!this.#stopping.signal.aborted) this.#link?.destroy()
      this.#hear = () => undefined
      this.#link = this.#stopping.signal.aborted ? this.#link : undefined
      await this.#release()
    }
  }

  #release(): Promise<void> {
    return this.#deps.outbox.release(this.#budget.spent).catch((failure: unknown) => {
      this.#deps.log.error({ err: failure }, 'cannot release unconfirmed messages after a connection')
    })
  }

  #hear: MessageHandler = () => undefined

  #open(format: Format | undefined): Promise<Link> {
    const { log, edge } = this.#deps
    return connect(this.#settings, {
      edge,
      statusTopic: this.#topics.status,
      will: format?.will,
      warn: (text) => log.warn(text),
      signal: this.#stopping.signal,
      onMessage: (...message) => this.#hear(...message),
    })
  }

  /** A link can die before it answers a subscription; subscribing is part of connecting and has the same time limit. */
  #subscribe(link: Link): Promise<void> {
    const { receipt, request } = this.#topics
    const ours = this.#settings.confirm === 'receipt' ? [receipt, request] : []
    const filters = [...ours, ...(this.#format?.filters ?? [])]
    const { connectTimeoutMs: ms } = this.#settings
    return subscribeWithin(link, filters, { ms, signal: this.#stopping.signal })
  }

  #begin(link: Link, batchPublisher: BatchPublisher): Session {
    const { outbox, log, clock, steadyClock } = this.#deps
    const session = new Session(link, {
      settings: this.#settings,
      outbox,
      batchPublisher,
      budget: this.#budget,
      clock,
      steadyClock,
      log,
      record: this.#receiver.record,
      cautious: this.#caution > 0,
      reserved: this.#deps.configs === undefined ? 0 : configWindow(link),
      onSent: (readings, bytes) => {
        this.#sentReadings += readings
        this.#sentBytes += bytes
      },
      onConfirmed: (readings) => {
        this.#confirmedReadings += readings
        this.#lastConfirmedAt = performance.now()
        this.#failures = 0
        this.#reconnect.worked()
        this.#lastFailure = undefined
        this.#caution = Math.max(0, this.#caution - 1)
      },
      onRefused: (reason) => {
        if (this.#receiver.record.refused.add()) log.warn({ reason }, 'the cloud refused a message')
      },
      onSilence: () => this.#receiver.silent(),
      onHeard: () => {
        const wasSilent = this.#receiver.isSilent
        this.#receiver.heard()
        if (wasSilent) this.#reporter.now()
      },
    })
    this.#hear = async (topic, payload, info) => {
      if (topic === this.#topics.receipt) return session.answers.receipt(payload)
      if (topic === this.#topics.request) return session.answers.request(payload)
      if (this.#receiver.take(topic, payload, info)) return
      const config = this.#configs.take(topic, payload)
      if (config !== undefined) return config
      if (this.#format !== undefined) void batchPublisher.send(this.#format.hear(topic, payload)).catch(() => undefined)
    }
    return session
  }

  #failed(reason: string, err: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#lastFailure = reason
    this.#deps.log.warn({ reason, err }, 'the connection to the cloud failed or ended')
  }

  /** Waits at most `DRAIN_MS` for answers, then publishes the offline status; ends in time whatever the broker does. */
  async stop(): Promise<void> {
    const session = this.#session
    const format = this.#format
    this.#stopping.abort()
    if (session === undefined) this.#link?.destroy()
    else await session.drain(DRAIN_MS)
    await this.#running
    const link = this.#link
    if (link === undefined || session === undefined) return
    const said = new AbortController()
    const last = (format?.end() ?? []).map(({ topic, payload, ...options }) => link.publish(topic, payload, options))
    const goodbye = Promise.allSettled([...last, this.#reporter.send(link, 'offline')]).finally(() => said.abort())
    await Promise.race([goodbye, pause(GOODBYE_MS, said.signal)])
    await link.close()
  }
}
