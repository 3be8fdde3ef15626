import type { Log } from '../../base/log.ts'
import { oneLine } from '../../base/text/one-line.ts'
import { isLogged } from './guard.ts'
import { RecentCount } from './recent-count.ts'

/** Why a packet, or a connection, is refused; its connection is closed, or refused by the protocol. */
const REASONS = [
  'connections',
  'connectionsPerAddress',
  'malformed',
  'tooLarge',
  'incomplete',
  'illFormedText',
  'clientId',
  'will',
  'topic',
  'filter',
  'messageId',
  'qos2Window',
  'slowSubscriber',
] as const
export type RefusalReason = (typeof REASONS)[number]

export interface RefusalCount {
  readonly total: number
  /** In the last ten minutes, about. */
  readonly recent: number
}
export type RefusalCounts = Readonly<Partial<Record<RefusalReason, RefusalCount>>>

/** A packet that must not be handled; its connection is closed. */
export class PacketRefused extends Error {
  override readonly name = 'PacketRefused'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** Characters of a text from a client that are logged. */
const TEXT_CHARS_MAX = 200

/** Counts what the broker refuses, by reason. The first, second, fourth, eighth … of each reason is logged. */
export class Refusals {
  readonly #log: Log
  readonly #counts = new Map<RefusalReason, { total: number; recent: RecentCount }>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Those that have occurred. */
  get counts(): RefusalCounts {
    return Object.fromEntries(
      [...this.#counts].map(([reason, { total, recent }]) => [reason, { total, recent: recent.count }]),
    )
  }

  total(reason: RefusalReason): number {
    return this.#counts.get(reason)?.total ?? 0
  }

  /** @param client undefined or null: it has not said its id yet; `what`: for the log */
  note(reason: RefusalReason, { client, what }: { client?: string | null | undefined; what: string }): void {
    let count = this.#counts.get(reason)
    if (count === undefined) {
      count = { total: 0, recent: new RecentCount() }
      this.#counts.set(reason, count)
    }
    count.total++
    count.recent.add()
    if (!isLogged(count.total)) return
    const id = client == null ? undefined : oneLine(client, TEXT_CHARS_MAX)
    const facts = { client: id, reason, count: count.total }
    this.#log.warn(facts, `refused by the broker: ${oneLine(what, TEXT_CHARS_MAX)}`)
  }
}
