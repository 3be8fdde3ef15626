import { pause } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { cloudFilter, readCloudTopic } from '../config/topics.ts'
import { backoffMs } from '../link/backoff.ts'
import type { Link } from '../link/link.ts'
import { SameIdWatch } from '../link/same-id.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import { ReceiverRecord } from './answers/receiver-record.ts'
import { BatchPublisher } from './batch-publisher.ts'
import { Budget, momentOf } from './budget.ts'
import { ConfigPublisher, configWindow } from './config-publisher.ts'
import { connect, subscribeWithin } from './connect.ts'
import type { UplinkDependencies, UplinkStats } from './dependencies.ts'
import type { Format } from './format/format.ts'
import { makeFormat } from './format/make-format.ts'
import { MetricRegistry } from './format/metric-registry.ts'
import { ReceiverTime } from './receiver-time.ts'
import { Session } from './session.ts'
import type { SessionEnd } from './session-types.ts'
import { type CloudTopics, cloudTopics } from './topics.ts'

/** How long a stop waits for answers to messages in flight (milliseconds). */
const DRAIN_MS = 2_000
/** How long it then waits for the broker to accept the offline status (milliseconds): the link may be dead. */
const GOODBYE_MS = 1_000
/** Confirmed messages after which a cautious uplink sends more than one message at a time again. */
const CAUTION_CONFIRMED = 64
/** Connection numbers (Sparkplug's bdSeq) wrap around at this count. */
const CONNECTION_NUMBERS = 256

/**
 * Delivers stored readings to one cloud broker, for as long as it takes. Connects anew after every failure, with a
 * growing pause (full jitter) that only an answer to a message resets: an uplink must not hammer a broker that
 * accepts connections and nothing else.
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
  #configPublisher: ConfigPublisher | undefined
  #connections: number
  readonly #time: ReceiverTime
  #caution = 0
  #failures = 0
  #lastFailure: string | undefined
  readonly #sameId = new SameIdWatch()
  #sentReadings = 0
  #sentBytes = 0
  #confirmedReadings = 0
  #lastConfirmedAt: number | undefined
  readonly #record = new ReceiverRecord()
  #configProblem: string | undefined

  private constructor(settings: UplinkSettings, dependencies: UplinkDependencies) {
    this.name = `uplink ${settings.name}`
    this.#settings = settings
    this.#deps = dependencies
    this.#topics = cloudTopics(settings.prefix, dependencies.edge)
    this.#time = new ReceiverTime(this.#topics.time, this.#deps.onTime)
    this.#budget = new Budget(settings.budget, undefined, momentOf(this.#deps))
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
    this.#session?.notify()
  }

  /** A config message is ready to be sent. */
  notifyConfigs(): void {
    this.#configPublisher?.notify()
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
      sameId: this.#sameId.verdict(performance.now()),
      ...this.#record.stats,
      spent: this.#budget.spent,
      holds: this.#budget.holds,
      configProblem: this.#configProblem,
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
      const { atOnce, cautious } = await this.#connection()
      if (signal.aborted) return
      if (cautious) this.#caution = CAUTION_CONFIRMED
      const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#settings
      if (!atOnce) await pause(backoffMs(this.#failures++, { minMs, maxMs }, this.#deps.random), signal)
    }
  }

  /** One connection from its beginning to its end. */
  async #connection(): Promise<Omit<SessionEnd, 'reason' | 'cause'>> {
    const { log, outbox, edge, clock } = this.#deps
    try {
      const bdSeq = this.#connections++ % CONNECTION_NUMBERS
      this.#format = makeFormat(this.#settings, { edge, clock, metricRegistry: this.#metricRegistry, bdSeq })
      const link = await this.#open(this.#format)
      const openedAt = performance.now()
      this.#link = link
      if (this.#stopping.signal.aborted) return { atOnce: true, cautious: false }
      const batchPublisher = new BatchPublisher(link, this.#topics, {
        format: this.#format,
        bytesMax: this.#settings.batchBytesMax,
      })
      const session = this.#begin(link, batchPublisher)
      await this.#subscribe(link)
      await outbox.release(this.#budget.spent) // everything stored until now is the backlog of this connection
      if (this.#format !== undefined) await batchPublisher.begin(this.#format)
      if (this.#stopping.signal.aborted) return { atOnce: true, cautious: false }
      this.#session = session
      if (this.#settings.confirm === 'receipt') this.#time.subscribe(link)
      await this.#beginConfigs(link)
      const beat = setInterval(() => void this.#report(link, 'online'), this.#settings.statusEveryMs)
      void this.#report(link, 'online')
      log.info({ protocolVersion: link.protocolVersion }, 'connected to the cloud')
      const { reason, cause, ...end } = await session.run().finally(() => clearInterval(beat))
      if (!this.#stopping.signal.aborted) this.#sameId.ended(cause, { openedAt, now: performance.now() })
      this.#failed(reason, cause)
      return end
    } catch (failure) {
      this.#failed(messageOf(failure), failure)
      return { atOnce: false, cautious: false }
    } finally {
      this.#session = undefined
      this.#configPublisher = undefined
      if (!this.#stopping.signal.aborted) this.#link?.destroy()
      this.#hear = () => Promise.resolve()
      this.#link = this.#stopping.signal.aborted ? this.#link : undefined
      await this.#release()
    }
  }

  #release(): Promise<void> {
    return this.#deps.outbox.release(this.#budget.spent).catch((failure: unknown) => {
      this.#deps.log.error({ err: failure }, 'cannot release unconfirmed messages after a connection')
    })
  }

  #hear: (topic: string, payload: Uint8Array) => Promise<void> = () => Promise.resolve()

  #open(format: Format | undefined): Promise<Link> {
    const { log, edge } = this.#deps
    return connect(this.#settings, {
      edge,
      statusTopic: this.#topics.status,
      will: format?.will,
      warn: (text) => log.warn(text),
      signal: this.#stopping.signal,
      onMessage: (topic, payload) => this.#hear(topic, payload),
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

  /** Configs never cost the connection: if the broker refuses their topics, that is reported and readings go on. */
  async #beginConfigs(link: Link): Promise<void> {
    const { configs, edge, log } = this.#deps
    if (configs === undefined) return
    const { prefix, connectTimeoutMs: ms } = this.#settings
    const hear = this.#hear
    this.#hear = (topic, payload) => {
      const found = readCloudTopic(prefix, topic)
      return found?.what === 'desired' ? configs.desired(found.device, payload) : hear(topic, payload)
    }
    const waitMs = (bytes: number): number => this.#budget.waitMs(bytes, momentOf(this.#deps))
    const configPublisher = new ConfigPublisher(link, { outbox: configs, prefix, edge, log, waitMs })
    try {
      await subscribeWithin(link, [cloudFilter(prefix, edge, 'desired')], { ms, signal: this.#stopping.signal })
      this.#configProblem = undefined
    } catch (failure) {
      this.#configProblem = `configs are not synced: ${messageOf(failure)}`
      return log.error({ err: failure }, 'configs are not synced')
    }
    this.#configPublisher = configPublisher
    void configPublisher.run()
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
      record: this.#record,
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
        this.#lastFailure = undefined
        this.#caution = Math.max(0, this.#caution - 1)
      },
      onRefused: (reason) => {
        if (this.#record.refused.add()) log.warn({ reason }, 'the cloud refused a message')
      },
    })
    this.#hear = async (topic, payload) => {
      if (topic === this.#topics.receipt) return session.answers.receipt(payload)
      if (topic === this.#topics.request) return session.answers.request(payload)
      if (this.#time.take(topic, payload)) return
      if (this.#format !== undefined) void batchPublisher.send(this.#format.hear(topic, payload)).catch(() => undefined)
    }
    return session
  }

  /** Resolves when the broker has accepted the report, or no longer can: the next report replaces a lost one. */
  async #report(link: Link, state: 'online' | 'offline'): Promise<void> {
    try {
      const report = state === 'online' ? await this.#deps.report() : {}
      const payload = Buffer.from(JSON.stringify({ state, ...report }))
      if (this.#budget.allow(momentOf(this.#deps)).live < payload.length && state === 'online') return
      await link.publish(this.#topics.status, payload, { qos: 1, retain: this.#settings.statusRetain })
    } catch (failure) {
      this.#deps.log.debug({ err: failure }, 'cannot send a status report')
    }
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
    const goodbye = Promise.allSettled([...last, this.#report(link, 'offline')]).finally(() => said.abort())
    await Promise.race([goodbye, pause(GOODBYE_MS, said.signal)])
    await link.close()
  }
}
