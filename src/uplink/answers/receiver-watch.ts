import type { Log } from '../../base/log.ts'
import type { ReceiverStatus } from '../../codec/receiver-status.ts'
import type { Link, MessageInfo } from '../../link/link.ts'
import type { UplinkSettings } from '../../settings/schema/uplink.ts'
import type { UplinkStats } from '../dependencies.ts'
import type { CloudTopics } from '../topics.ts'
import { ReceiverPresence } from './receiver-presence.ts'
import { ReceiverRecord } from './receiver-record.ts'
import { ReceiverTime } from './receiver-time.ts'
import { whySilent } from './silence.ts'

/** Messages without a subscriber before the log says why: by then the status of the receivers has arrived. */
const LOGGED_FROM = 2
/** An answer that takes longer than this (ms) is missing. */
const MISSING_MS = 5_000
/** Without an answer over a new connection for this time (ms), receivers under other prefixes are searched for. */
const SEARCH_MS = 3_000

export interface WatchOptions {
  readonly edge: string
  readonly settings: Pick<UplinkSettings, 'prefix' | 'confirm' | 'presence'>
  readonly topics: Pick<CloudTopics, 'time'>
  /** The receiver has sent its time, UTC ms. */
  readonly onTime: (at: number) => void
  /** A receiver has come, or says that it is still there. */
  readonly onBack: (status: ReceiverStatus) => void
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly log: Log
}

/** What one uplink knows of its receiver over all connections: its time, its status, and whether and why it is silent. */
export class ReceiverWatch {
  readonly record: ReceiverRecord
  readonly #options: WatchOptions
  readonly #presence: ReceiverPresence
  readonly #time: ReceiverTime
  #link: Link | undefined
  #timer: NodeJS.Timeout | undefined
  #unanswered = 0
  /** The receiver has answered over this connection. */
  #heard = false
  #logged: string | undefined

  constructor(options: WatchOptions) {
    const { settings, topics, onTime, onBack, random } = options
    const enabled = settings.presence && settings.confirm === 'receipt'
    this.#options = options
    this.record = new ReceiverRecord(random)
    this.#time = new ReceiverTime(topics.time, onTime)
    this.#presence = new ReceiverPresence(settings.prefix, { enabled, onBack })
  }

  /** A connection begins. Nothing waits for its subscriptions. */
  begin(link: Link): void {
    this.#link = link
    this.#heard = false
    if (this.#options.settings.confirm === 'receipt') this.#time.subscribe(link)
    this.#presence.subscribe(link)
    this.#timer = setTimeout(() => {
      if (!this.#heard) this.#search()
    }, SEARCH_MS)
  }

  #search(): void {
    if (this.#link !== undefined) this.#presence.search(this.#link)
  }

  /** The connection has ended. */
  end(): void {
    clearTimeout(this.#timer)
    this.#link = undefined
  }

  /** @returns whether the message was a time or a status of receivers */
  take(topic: string, payload: Uint8Array, info: MessageInfo): boolean {
    return this.#time.take(topic, payload) || this.#presence.take(topic, payload, info)
  }

  /** A message got no answer of a receiver. */
  silent(): void {
    this.#search()
    const { why, record } = this
    const isFirst = ++this.#unanswered < LOGGED_FROM && record.silence.last?.outcome === 'unheard'
    if (isFirst || why === this.#logged) return
    this.#logged = why
    this.#options.log.warn({ reason: why }, 'no receiver answers')
  }

  /** The receiver has answered. */
  heard(): void {
    if (this.#logged !== undefined) this.#options.log.info('the receiver answers again')
    this.#logged = undefined
    this.#unanswered = 0
    this.#heard = true
  }

  /** Messages got no answer of a receiver since its last one. */
  get isSilent(): boolean {
    return this.#unanswered > 0
  }

  /** Why no receiver answers, as text; undefined: it answers, or there is no connection. */
  get why(): string | undefined {
    const { last } = this.record.silence
    if (last === undefined || this.#link === undefined) return undefined
    const { edge, settings } = this.#options
    const { status, elsewhere } = this.#presence
    return whySilent({ edge, ...settings, ...last, status, elsewhere })
  }

  get stats(): Pick<UplinkStats, 'refused' | 'unsent' | 'undecodable' | 'oddities' | 'silence' | 'silentMs'> {
    const silentMs = this.#link === undefined ? undefined : this.record.silence.ms(performance.now())
    const isMissing = this.isSilent || (silentMs ?? 0) > MISSING_MS
    return { ...this.record.stats, silence: isMissing ? this.why : undefined, silentMs }
  }
}
