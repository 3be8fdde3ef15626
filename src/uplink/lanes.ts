import type { UplinkSettings } from '../settings/schema/uplink.ts'
import { type Allowance, MESSAGE_BYTES_MIN } from './budget.ts'

/** `live`: readings stored since the connection was made. `backfill`: the backlog that was stored before. */
export type Lane = 'live' | 'backfill'

/** What the next message may carry: bytes for each lane, 0 for none. The lane in `prefer` is tried first. */
export interface Ask {
  readonly live: number
  readonly backfill: number
  /** Bytes for a message of a forward route, which cannot be split; undefined: none may leave. */
  readonly forward?: number
  readonly prefer: Lane
}

export interface Limits {
  /** Messages in flight at once: the smaller of the setting and the broker's Receive Maximum. */
  readonly messages: number
  readonly bytes: number
  /** Size limit of one message. */
  readonly messageBytes: number
  /** Minimum part of the window and of the budget for the backlog, 0 … 1. */
  readonly backfillShare: number
}

/** The limits that the settings and the broker set together. */
export function limitsOf(
  settings: Pick<UplinkSettings, 'window' | 'windowBytes' | 'batchBytesMax' | 'backfill'>,
  broker: { readonly receiveMaximum: number; readonly payloadBytesMax: number },
): Limits {
  return {
    messages: Math.min(settings.window, broker.receiveMaximum),
    bytes: settings.windowBytes,
    // Never request a larger message: the broker would close the connection every time.
    messageBytes: Math.min(settings.batchBytesMax, broker.payloadBytesMax),
    backfillShare: settings.backfill.share,
  }
}

export interface LaneLoad {
  readonly inFlight: number
  /** Messages that the lane's congestion window allows. */
  readonly size: number
}

export interface Load {
  readonly live: LaneLoad
  readonly backfill: LaneLoad
  /** Messages of forward routes. */
  readonly forward?: LaneLoad
  /** Bytes in flight in all lanes together. */
  readonly bytes: number
  /** Whether there is a backlog, as far as is known. */
  readonly backlog: boolean
}

/** One slot of the window and this part of its bytes stay free for new readings. */
const LIVE_BYTES_PART = 1 / 8

/** What may leave next. Pure: the same load gives the same answer. */
export function nextAsk(
  limits: Limits,
  load: Load,
  { prefer, ...allowed }: Allowance & { readonly prefer: Lane },
): Ask {
  const { messages } = limits
  const inFlight = countOf(load)
  const owed = prefer === 'backfill' && load.backlog
  const kept = load.backlog ? Math.min(messages - 1, Math.ceil(messages * limits.backfillShare)) : 0
  const free = (lane: LaneLoad, most: number): boolean =>
    inFlight < messages && lane.inFlight < Math.min(lane.size, most)
  const room = (part: number): number => {
    const left = inFlight === 0 ? limits.messageBytes : limits.bytes * part - load.bytes
    return left >= Math.min(MESSAGE_BYTES_MIN, limits.messageBytes) ? Math.min(limits.messageBytes, left) : 0
  }
  const live = free(load.live, messages - kept) ? Math.min(room(1), allowed.live) : 0
  const backfillSlots = owed || messages === 1 ? messages : messages - 1
  const backfill = free(load.backfill, backfillSlots) ? Math.min(room(1 - LIVE_BYTES_PART), allowed.backfill) : 0
  return { live, backfill, prefer: owed ? 'backfill' : 'live' }
}

function countOf({ live, backfill, forward }: Load): number {
  return live.inFlight + backfill.inFlight + (forward?.inFlight ?? 0)
}

/**
 * Bytes that a message of a forward route may have; 0: none may leave. One slot stays free for live readings, and the
 * backlog keeps its share. If no such message is in flight, one of any size may leave, because it cannot be split.
 */
export function forwardRoom(limits: Limits, load: Load, allowed: number): number {
  const { inFlight, size } = load.forward ?? { inFlight: 0, size: 1 }
  const { messages } = limits
  const kept = load.backlog ? Math.ceil(messages * limits.backfillShare) : 0
  const most = messages === 1 ? 1 : Math.max(1, messages - 1 - kept)
  if (allowed === 0 || countOf(load) >= messages || inFlight >= Math.min(size, most)) return 0
  return inFlight === 0 ? Number.MAX_SAFE_INTEGER : Math.max(0, limits.bytes - load.bytes)
}

/** Messages by which one lane may be ahead of its share. */
const AHEAD_MAX = 8

/**
 * Guarantees the backlog its share while new readings alone could fill the link: bytes that live readings use beyond
 * their share become a debt to the backlog. Debt and credit are bounded, so that a long period of one lane never
 * blocks the other.
 */
export class Share {
  readonly #share: number
  readonly #aheadMax: number
  #owed = 0

  /** @param messageBytes size limit of one message, in bytes */
  constructor(share: number, messageBytes: number) {
    this.#share = share
    this.#aheadMax = messageBytes * AHEAD_MAX
  }

  /** The lane to send from next. */
  get prefer(): Lane {
    return this.#owed > 0 ? 'backfill' : 'live'
  }

  sent(lane: Lane, bytes: number, backlog: boolean): void {
    if (!backlog) this.#owed = 0
    else if (lane === 'backfill') this.#owed = Math.max(-this.#aheadMax, this.#owed - bytes)
    else this.#owed = Math.min(this.#aheadMax, this.#owed + bytes * (this.#share / Math.max(1 - this.#share, 0.01)))
  }
}
