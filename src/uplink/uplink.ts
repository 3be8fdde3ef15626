import { pause } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import type { UplinkSettings } from '../base/settings-uplink.ts'
import { backoffMs } from '../link/backoff.ts'
import type { Link } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import type { Outbox } from './outbox.ts'
import { Session } from './session.ts'
import { type CloudTopics, cloudTopics } from './topics.ts'

/** How long a stop waits for answers to what is on its way (ms). */
const DRAIN_MS = 2_000
/** How long it waits for the broker to take the goodbye after that (ms): the link may be dead. */
const GOODBYE_MS = 1_000

/** What the edge says of itself on its status topic. */
export type StatusReport = Record<string, unknown>

export interface UplinkStats {
  readonly name: string
  readonly connected: boolean
  readonly protocolVersion: 4 | 5 | undefined
  /** Messages on their way. */
  readonly inFlight: number
  /** Since the start: readings and bytes that left (repeats included), readings newly confirmed. */
  readonly sentReadings: number
  readonly sentBytes: number
  readonly confirmedReadings: number
  /** Monotonic age (ms) of the last answer of the far side; undefined before the first. */
  readonly lastConfirmedMs: number | undefined
  /** Connections that ended, or were not made, since the last answer. */
  readonly failures: number
  readonly lastFailure: string | undefined
  readonly rejected: number
}

export interface UplinkDependencies {
  readonly edge: string
  readonly outbox: Outbox
  readonly log: Log
  /** 0 ≤ x < 1. */
  readonly random: () => number
  readonly report: () => Promise<StatusReport>
}

/**
 * Carries what is stored to one cloud broker, for as long as it takes. Every connection is made new, with a growing
 * pause (full jitter) that only an answer of the far side resets: a broker that takes connections and nothing else must
 * not be hammered.
 */
export class Uplink implements Part {
  readonly name: string
  readonly #settings: UplinkSettings
  readonly #deps: UplinkDependencies
  readonly #topics: CloudTopics
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #link: Link | undefined
  #session: Session | undefined
  #failures = 0
  #lastFailure: string | undefined
  #sentReadings = 0
  #sentBytes = 0
  #confirmedReadings = 0
  #lastConfirmedAt: number | undefined
  #rejected = 0

  private constructor(settings: UplinkSettings, dependencies: UplinkDependencies) {
    this.name = `uplink ${settings.name}`
    this.#settings = settings
    this.#deps = dependencies
    this.#topics = cloudTopics(settings.prefix, dependencies.edge)
    this.#running = this.#run()
  }

  /** Begins at once, and never fails: a cloud that is away is the normal case. */
  static start(settings: UplinkSettings, dependencies: UplinkDependencies): Uplink {
    return new Uplink(settings, dependencies)
  }

  /** Something new is on the disk. */
  notify(readings: number): void {
    this.#session?.notify(readings)
  }

  stats(): UplinkStats {
    return {
      name: this.#settings.name,
      connected: this.#session !== undefined,
      protocolVersion: this.#link?.protocolVersion,
      inFlight: this.#session?.inFlight ?? 0,
      sentReadings: this.#sentReadings,
      sentBytes: this.#sentBytes,
      confirmedReadings: this.#confirmedReadings,
      lastConfirmedMs: this.#lastConfirmedAt === undefined ? undefined : performance.now() - this.#lastConfirmedAt,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      rejected: this.#rejected,
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const atOnce = await this.#connection()
      if (signal.aborted) return
      const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#settings
      if (!atOnce) await pause(backoffMs(this.#failures++, { minMs, maxMs }, this.#deps.random), signal)
    }
  }

  /** One connection from its beginning to its end; true when the next one need not wait. */
  async #connection(): Promise<boolean> {
    const { log, outbox } = this.#deps
    try {
      const link = await this.#open()
      this.#link = link
      if (this.#stopping.signal.aborted) return true
      const session = this.#begin(link)
      await this.#subscribe(link)
      if (this.#stopping.signal.aborted) return true
      this.#session = session
      const beat = setInterval(() => void this.#report(link, 'online'), this.#settings.statusEveryMs)
      void this.#report(link, 'online')
      log.info({ uplink: this.#settings.name, mqtt: link.protocolVersion }, 'connected to the cloud')
      const { reason, atOnce } = await session.run().finally(() => clearInterval(beat))
      this.#failed(reason)
      return atOnce
    } catch (failure) {
      this.#failed(messageOf(failure))
      return false
    } finally {
      this.#session = undefined
      if (!this.#stopping.signal.aborted) this.#link?.destroy()
      this.#receipts = () => Promise.resolve()
      this.#link = this.#stopping.signal.aborted ? this.#link : undefined
      await outbox.release().catch((failure: unknown) => log.error({ failure: messageOf(failure) }, 'release failed'))
    }
  }

  #receipts: (payload: Uint8Array) => Promise<void> = () => Promise.resolve()

  #open(): Promise<Link> {
    const { url, clientId, name, username, password, keepaliveS, connectTimeoutMs } = this.#settings
    return openLink({
      url,
      clientId: clientId ?? `tidegate-${this.#deps.edge}-${name}`,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      session: false,
      keepaliveS,
      connectTimeoutMs,
      signal: this.#stopping.signal,
      will: { topic: this.#topics.status, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
      onMessage: (_topic, payload) => this.#receipts(payload),
    })
  }

  /** A link can die between its first answer and this one; it belongs to connecting, and has as long. */
  async #subscribe(link: Link): Promise<void> {
    const { connectTimeoutMs } = this.#settings
    let late = false
    const timer = setTimeout(() => {
      late = true
      link.destroy()
    }, connectTimeoutMs)
    const stopped = (): void => link.destroy()
    this.#stopping.signal.addEventListener('abort', stopped, { once: true })
    try {
      await link.subscribe(this.#topics.receipt, 1)
    } catch (failure) {
      throw late ? new Error(`the broker did not answer a subscription within ${connectTimeoutMs} ms`) : failure
    } finally {
      clearTimeout(timer)
      this.#stopping.signal.removeEventListener('abort', stopped)
    }
  }

  #begin(link: Link): Session {
    const session = new Session(link, {
      settings: this.#settings,
      topics: this.#topics,
      outbox: this.#deps.outbox,
      log: this.#deps.log,
      onSent: (readings, bytes) => {
        this.#sentReadings += readings
        this.#sentBytes += bytes
      },
      onConfirmed: (readings) => {
        this.#confirmedReadings += readings
        this.#lastConfirmedAt = performance.now()
        this.#failures = 0
        this.#lastFailure = undefined
      },
      onRejected: (reason) => {
        this.#rejected++
        this.#deps.log.error({ reason }, 'the receiver rejected a batch')
      },
    })
    this.#receipts = (payload) => session.receive(payload)
    return session
  }

  /** Resolves when the broker has taken it, or cannot any more: a report that is lost is followed by the next. */
  async #report(link: Link, state: 'online' | 'offline'): Promise<void> {
    try {
      const report = state === 'online' ? await this.#deps.report() : {}
      const payload = Buffer.from(JSON.stringify({ state, ...report }))
      await link.publish(this.#topics.status, payload, { qos: 1, retain: true })
    } catch (failure) {
      this.#deps.log.debug({ failure: messageOf(failure) }, 'a report was not sent')
    }
  }

  #failed(reason: string): void {
    if (this.#stopping.signal.aborted) return
    this.#lastFailure = reason
    this.#deps.log.warn({ uplink: this.#settings.name, reason }, 'not connected to the cloud')
  }

  /** Waits shortly for answers to what is on its way, says goodbye. Ends in time also when the far side is silent. */
  async stop(): Promise<void> {
    const session = this.#session
    this.#stopping.abort()
    if (session === undefined) this.#link?.destroy()
    else await session.drain(DRAIN_MS)
    await this.#running
    if (this.#link === undefined || session === undefined) return
    const said = new AbortController()
    const goodbye = this.#report(this.#link, 'offline').finally(() => said.abort())
    await Promise.race([goodbye, pause(GOODBYE_MS, said.signal)])
    await this.#link.close()
  }
}
