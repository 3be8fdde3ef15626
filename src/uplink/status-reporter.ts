import type { Log } from '../base/log.ts'
import type { Link } from '../link/link.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import type { StatusReport } from './dependencies.ts'
import { NOT_AUTHORIZED } from './reason-codes.ts'

/** While no receiver answers, the status is sent at most this often (ms): it costs the link, and may have no reader. */
const SILENT_EVERY_MS = 600_000

export interface ReporterOptions {
  readonly settings: Pick<UplinkSettings, 'statusEveryMs' | 'statusRetain'>
  readonly topic: string
  readonly report: () => Promise<StatusReport>
  /** Whether the budget has room for this many bytes. */
  readonly allows: (bytes: number) => boolean
  readonly isSilent: () => boolean
  readonly log: Log
}

/** Publishes the status of the edge, retained, as long as a connection lasts. */
export class StatusReporter {
  readonly #options: ReporterOptions
  #link: Link | undefined
  #timer: NodeJS.Timeout | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #isDenied = false

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  /** Why the status does not arrive, as text; undefined: it does, as far as is known. */
  get problem(): string | undefined {
    return this.#isDenied
      ? `the cloud broker does not allow this edge to publish its status ${this.#options.topic} (not authorized): allow it ` +
          'in the access rules of the broker'
      : undefined
  }

  /** A connection begins. */
  begin(link: Link): void {
    this.#link = link
    this.#timer = setInterval(() => this.#turn(), this.#options.settings.statusEveryMs)
    void this.send(link, 'online')
  }

  /** The connection has ended. */
  end(): void {
    clearInterval(this.#timer)
    this.#link = undefined
  }

  #turn(): void {
    const isEarly = performance.now() - this.#sentAt < SILENT_EVERY_MS
    if (isEarly && this.#options.isSilent()) return
    this.now()
  }

  /** Sends a report without waiting for the next one. */
  now(): void {
    if (this.#link !== undefined) void this.send(this.#link, 'online')
  }

  /** Resolves when the broker has answered, or no longer can: the next report replaces a lost one. */
  async send(link: Link, state: 'online' | 'offline'): Promise<void> {
    const { settings, topic, allows, log } = this.#options
    try {
      const report = state === 'online' ? await this.#options.report() : {}
      const payload = Buffer.from(JSON.stringify({ state, ...report }))
      if (state === 'online' && !allows(payload.length)) return
      this.#sentAt = performance.now()
      const { reasonCode } = await link.publish(topic, payload, { qos: 1, retain: settings.statusRetain })
      this.#isDenied = reasonCode === NOT_AUTHORIZED
    } catch (failure) {
      log.debug({ err: failure }, 'cannot send a status report')
    }
  }
}
