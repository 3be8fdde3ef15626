import type { Seq, SeqRange } from '../base/reading.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { ClockStatus } from '../store/clock/clock-state.ts'
import type { ClockEvidence } from '../store/clock/store-time.ts'
import type { Backlog } from '../store/delivery/backlog.ts'
import type { Spent } from '../store/delivery/link-usage.ts'
import type { Lane } from '../store/delivery/outbox.ts'
import type { Refusal } from '../store/delivery/refusals.ts'
import type { ForwardStatus } from '../store/forward/forward-queue.ts'
import type { WaitingRemoval } from '../store/housekeeping/expiry.ts'
import type { SpaceForecast } from '../store/housekeeping/forecaster.ts'
import type { WalStatus } from '../store/housekeeping/wal.ts'
import type { IncomingId } from '../store/incoming.ts'
import type { UnroutedStatus } from '../store/kept/unrouted.ts'
import type { RejectStatus } from '../store/rejects.ts'
import type { SeriesCount } from '../store/series/series-shares.ts'
import type { ConfigCalls, ConfigNotice, ConfigStatus } from './config-protocol.ts'
import type { AmendmentsConfirmation, Confirmation, Confirmed, Refused } from './delivery/answers.ts'
import type { DownCalls, DownStatus } from './down-protocol.ts'
import type { LatencySummary } from './latency.ts'

export type { AmendmentsConfirmation, Confirmation, Confirmed, Refused } from './delivery/answers.ts'

/** A number assigned to a topic, and what its route says about it. Sent once, with the first batch that uses it. */
export interface TopicEntry {
  readonly id: number
  readonly topic: string
  readonly device: string
  readonly metric: string | undefined
  readonly format: EdgeSettings['routes'][number]['format']
  /** How the payload is read where it does not say everything itself; undefined: as without these settings. */
  readonly rules?: Pick<EdgeSettings['routes'][number], 'zone' | 'numbers' | 'noValueTexts' | 'sampleHz'> | undefined
  /** Set for a forward route, which carries no readings: where its messages go. */
  readonly forward: Forwarding | undefined
  /** True: no route covers the topic. Its messages are kept for a route that is added later. */
  readonly isUnrouted?: boolean
}

export interface Forwarding {
  /** Template of the topic in the cloud. */
  readonly target: string
  /** Names of uplinks, in the form in which the store keeps them with a message; null: all. */
  readonly uplinks: string | null
}

/** A number assigned to a client id. */
export interface ClientEntry {
  readonly id: number
  readonly client: string
}

/** A change to the QoS 2 packet identifiers in use. */
export type IdentifierChange =
  /** Released by its sender (PUBREL). */
  | (IncomingId & { readonly kind: 'released' })
  /** Received with a publish of this batch; `publish`: index of that publish in the batch. */
  | (IncomingId & { readonly kind: 'received'; readonly publish: number })
  /** All identifiers of a client are void: it began a clean session. */
  | { readonly kind: 'forgotten'; readonly client: string }

/** The content of one commit. */
export interface BatchMessage {
  readonly kind: 'batch'
  readonly buffer: SharedArrayBuffer
  readonly messagesMax: number
  readonly count: number
  /** Of all payloads. */
  readonly bytes: number
  /** True: all topic and client numbers assigned before are void. */
  readonly renumbered: boolean
  readonly topics: readonly TopicEntry[]
  readonly clients: readonly ClientEntry[]
  /** In the order in which the changes happened. */
  readonly identifiers: readonly IdentifierChange[]
  /** The `returns` of the last reply that had returned publishes when the batch was sent. */
  readonly returns: number
}

/** The answer to a batch, once it is on disk or it is certain that it will not be. */
export interface BatchReply {
  readonly kind: 'batch'
  /** Returned for reuse; undefined when the thread has ended and the buffer is lost. */
  readonly buffer: SharedArrayBuffer | undefined
  /** Why nothing of the batch was stored; undefined: everything is on disk. */
  readonly refused: string | undefined
  /** The error behind `refused`, for the log. */
  readonly err?: Error | undefined
  readonly readings: number
  readonly rejected: number
  /** Fields that were not understood in other messages. */
  readonly partial: number
  readonly duplicates: number
  /** Messages of forward routes that were stored. */
  readonly messages: number
  /** Indexes, in the batch, of messages that were not stored because the queue, or what keeps them, has no room. */
  readonly noRoom: readonly number[]
  /** The same for messages that need a series for which there is no room. */
  readonly noSeries: readonly number[]
  /**
   * Indexes, in the batch, of publishes that were not handled, ascending: the commit would have taken too long, or these
   * publishes came after others that were returned. They must be sent again, those of each client in their order.
   */
  readonly undone: readonly number[]
  /** Number of batches of which publishes were returned because the commit would have taken too long. */
  readonly returns: number
}

/** The counts and indexes of a reply, while nothing of its batch is stored. */
export const NOTHING_STORED = {
  ...{ readings: 0, rejected: 0, partial: 0, duplicates: 0, messages: 0 },
  ...{ noRoom: [], noSeries: [], undone: [] },
} as const

/** What an uplink sends next; `backlog`: whether more is left of what was stored before the uplink connected. */
export type Outgoing = { readonly backlog: boolean } & (
  | {
      readonly kind: 'batch'
      readonly lane: Lane
      readonly bytes: Uint8Array
      readonly epoch: string
      readonly run: string
      readonly range: SeqRange
      readonly count: number
    }
  | {
      readonly kind: 'amendments'
      readonly bytes: Uint8Array
      readonly epoch: string
      readonly run: string
      readonly lastId: number
      readonly count: number
    }
  /** A message of a forward route. */
  | {
      readonly kind: 'message'
      readonly id: number
      readonly topic: string
      readonly bytes: Uint8Array
      readonly retain: boolean
    }
  /** Nothing to send for this long (ms); undefined: until something new is stored. */
  | { readonly kind: 'wait'; readonly ms: number | undefined }
)

/** How full the catalog of series is, and who fills it. */
export interface CatalogStatus {
  readonly seriesMax: number
  readonly perClientMax: number
  readonly perDeviceMax: number
  /** Messages since the start that needed a series for which there was no room: not acknowledged. */
  readonly refused: number
  /** The same for messages with QoS 0: kept as rejects. */
  readonly keptAsRejects: number
  /** Age (ms) of the newest message that lacked room; undefined: there was none. */
  readonly lastShortageMs: number | undefined
  /** The devices and the clients with the most series; empty while there is plenty of room. */
  readonly largest: { readonly devices: readonly SeriesCount[]; readonly clients: readonly SeriesCount[] }
  /** The devices and the clients with the most new series in the last half an hour to hour. */
  readonly fastest: { readonly devices: readonly SeriesCount[]; readonly clients: readonly SeriesCount[] }
}

export interface StoreStatus {
  readonly epoch: string
  readonly lastSeq: Seq
  readonly series: number
  readonly devices: number
  readonly catalog: CatalogStatus
  /** Times that commits took. */
  readonly commits: LatencySummary
  readonly readings: number
  readonly rejected: number
  readonly partial: number
  readonly duplicates: number
  readonly quality: Readonly<Record<'good' | 'uncertain' | 'bad', number>>
  readonly backlogs: readonly Backlog[]
  readonly forwards: ForwardStatus
  readonly rejects: RejectStatus
  readonly unrouted: UnroutedStatus & {
    /** Kept messages that have a route since the last start, and wait for `tidegate unrouted replay`. */
    readonly routed: number
  }
  /** Messages from the cloud for local clients. */
  readonly down: DownStatus
  readonly configs: ConfigStatus
  readonly space: SpaceForecast
  readonly wal: WalStatus
  readonly clock: ClockStatus
  /** A removal by age that waits for an operator; undefined: none. */
  readonly waitingRemoval: WaitingRemoval | undefined
  /** Damage of the database, as text. `now`: found in use; `past`: salvaged earlier and not acknowledged yet. */
  readonly damage: { readonly now: string | undefined; readonly past: readonly string[] }
}

/** Maximum bytes of the next message for each lane, 0 for none; the lane `prefer` comes first. */
export interface Ask {
  readonly live: number
  readonly backfill: number
  /** For a message of a forward route; undefined: none. */
  readonly forward?: number
  readonly prefer: Lane
}

/** Calls of the store thread, with the shapes of requests and replies. */
export interface Calls extends ConfigCalls, DownCalls {
  incoming: { request: undefined; reply: readonly IncomingId[] }
  /** The next message, within the bytes given for its lane; a single reading or amendment that is larger goes alone. */
  next: { request: { uplink: string } & Ask; reply: Outgoing }
  /** The receiver has these positions of this epoch, and has seen positions up to `high` (0: it does not say). */
  confirm: { request: Confirmation; reply: Confirmed }
  /** Replies with the number of amendments that the receiver claims to have and that were not sent. */
  confirmAmendments: { request: AmendmentsConfirmation; reply: number }
  /** The receiver or the cloud broker refuses the batch with these positions, and would refuse it again. */
  refuse: { request: Refused; reply: Refusal }
  /** The cloud broker has taken these messages. */
  confirmMessages: { request: { uplink: string; ids: readonly number[] }; reply: undefined }
  /**
   * The cloud broker refuses a message, and would refuse it again; `certain`: the message alone is the reason, so it is
   * parked whatever happens to others. Replies with the time (ms) for which all messages are held back; 0: not at all.
   */
  refuseMessage: {
    request: { uplink: string; id: number; reason: string; certain: boolean }
    reply: number
  }
  /** The receiver has lost these positions and requests them again. */
  requestResend: { request: { uplink: string; epoch: string; ranges: readonly SeqRange[] }; reply: undefined }
  /** The connection has ended: nothing is in flight any more. `spent`: link usage until now. */
  release: { request: { uplink: string; spent: Spent | undefined }; reply: undefined }
  spent: { request: { uplink: string }; reply: Spent | undefined }
  /** The receiver has another edge with this name. Replies whether the uplink is paused: the answer is for this run. */
  pause: { request: { uplink: string; epoch: string; run: string }; reply: boolean }
  /** Replies with the time since when the uplink is paused, UTC ms; undefined: it is not. */
  pausedSince: { request: { uplink: string }; reply: number | undefined }
  /** Other clocks; replies with the store clock (UTC ms) at a moment of the elapsed clock (ms). */
  clock: { request: Partial<ClockEvidence>; reply: { readonly time: number; readonly elapsed: number } }
  status: { request: undefined; reply: StoreStatus }
  close: { request: undefined; reply: undefined }
}

export type CallMessage = {
  [Name in keyof Calls]: {
    readonly kind: 'call'
    readonly id: number
    readonly name: Name
    readonly request: Calls[Name]['request']
  }
}[keyof Calls]

export type CallReply = { readonly kind: 'reply'; readonly id: number; readonly reply: unknown } | CallFailure

export interface CallFailure {
  readonly kind: 'failure'
  readonly id: number
  readonly message: string
  /** What to do about it, where the error says so. */
  readonly remedy: string | undefined
}

/** For the log of the edge. */
export interface Notice {
  readonly level: 'error' | 'warn' | 'info'
  readonly text: string
  /** The error that caused it, if there is one. */
  readonly err?: Error | undefined
}

export type ToThread = BatchMessage | CallMessage
export type FromThread =
  | BatchReply
  | CallReply
  | { readonly kind: 'ready' }
  /** Orders were carried out: there may be something to send. */
  | { readonly kind: 'ordered' }
  | (ConfigNotice & { readonly kind: 'config' })
  /** For the log of the edge; may arrive at any time. */
  | (Notice & { readonly kind: 'notice' })
  | { readonly kind: 'refused'; readonly message: string; readonly remedy: string; readonly exitCode: number }

/** `workerData` of the store thread. */
export interface ThreadData {
  readonly folder: string
  /** A commit that takes longer (ms) counts as slow. */
  readonly commitMsSlow?: number
  /** Take over a store that belongs to an edge with another name. */
  readonly adopt?: boolean
  readonly settings: Pick<EdgeSettings, 'edge' | 'routes' | 'store' | 'quality' | 'uplinks' | 'config'>
}
