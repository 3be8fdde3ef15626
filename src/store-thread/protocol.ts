import type { Seq, SeqRange } from '../base/reading.ts'
import type { EdgeSettings } from '../settings/edge.ts'
import type { Backlog } from '../store/delivery/backlog.ts'
import type { Spent } from '../store/delivery/link-usage.ts'
import type { Lane, Refusal } from '../store/delivery/outbox.ts'
import type { ForwardStatus } from '../store/forward/forward-queue.ts'
import type { SpaceForecast } from '../store/housekeeping/forecaster.ts'
import type { IncomingId } from '../store/incoming.ts'
import type { ConfigCalls, ConfigNotice, ConfigStatus } from './config-protocol.ts'

/** A number given to a topic, and what its route says of it. Sent once, before the first publish that uses it. */
export interface TopicEntry {
  readonly id: number
  readonly topic: string
  readonly device: string
  readonly metric: string | undefined
  readonly format: EdgeSettings['routes'][number]['format']
  /** Of a forward route, which carries no readings: where its messages go. */
  readonly forward: Forwarding | undefined
}

export interface Forwarding {
  /** Template of the topic. */
  readonly target: string
  /** Uplinks, as the store names them in a message; null: all. */
  readonly uplinks: string | null
}

/** A number given to a client id. */
export interface ClientEntry {
  readonly id: number
  readonly client: string
}

/** What happens to QoS 2 packet identifiers. */
export type IdentifierChange =
  /** Taken with a publish of this batch, or released by its sender. */
  | (IncomingId & { readonly kind: 'released' })
  /** `publish`: the place of that in the batch. */
  | (IncomingId & { readonly kind: 'received'; readonly publish: number })
  /** All of a client's are void: it began a clean session. */
  | { readonly kind: 'forgotten'; readonly client: string }

/** Everything that belongs into one commit. */
export interface BatchMessage {
  readonly kind: 'batch'
  readonly buffer: SharedArrayBuffer
  readonly messagesMax: number
  readonly count: number
  /** True: all topic and client numbers given before are void. */
  readonly renumbered: boolean
  readonly topics: readonly TopicEntry[]
  readonly clients: readonly ClientEntry[]
  /** In the order in which it happened. */
  readonly identifiers: readonly IdentifierChange[]
}

/** The answer to a batch, once it is on the disk or it is sure that it will not be. */
export interface BatchReply {
  readonly kind: 'batch'
  /** The buffer comes back, to be used again; undefined when the thread is gone, and the buffer with it. */
  readonly buffer: SharedArrayBuffer | undefined
  /** Why nothing of the batch was stored; undefined: everything is on the disk. */
  readonly refused: string | undefined
  /** The error behind `refused`, for the log. */
  readonly err?: Error | undefined
  readonly readings: number
  readonly rejected: number
  readonly duplicates: number
  /** Messages for forwarding. */
  readonly messages: number
  /** Places in the batch of messages for which there was no room: nothing of them is stored. */
  readonly noRoom: readonly number[]
}

/** What an uplink may be given next; `backlog`: whether there is more of what had gathered before it connected. */
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
  /** Nothing for so long (ms), or until something new is stored where it is undefined. */
  | { readonly kind: 'wait'; readonly ms: number | undefined }
)

export interface StoreStatus {
  readonly epoch: string
  readonly lastSeq: Seq
  readonly series: number
  readonly devices: number
  readonly readings: number
  readonly rejected: number
  readonly duplicates: number
  readonly quality: Readonly<Record<'good' | 'uncertain' | 'bad', number>>
  readonly backlogs: readonly Backlog[]
  readonly forwards: ForwardStatus
  readonly configs: ConfigStatus
  readonly space: SpaceForecast
  /** What is wrong with the database: found in use, and salvaged earlier and not acknowledged yet. In words. */
  readonly damage: { readonly now: string | undefined; readonly past: readonly string[] }
}

/** An answer counts only for the epoch and the run of the store: what a former run sent is sent again. */
export interface Confirmation {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly ranges: readonly SeqRange[]
  readonly high: Seq
  /** The far side holds other readings under positions that it was sent. */
  readonly forked: boolean
  /** What the link has cost until now, to be kept with it. */
  readonly spent: Spent | undefined
}

export interface Refused {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly range: SeqRange
  /** In the words of who refused. */
  readonly reason: string
}

/** Bytes for each lane, 0 for none; `prefer` is looked at first. */
export interface Ask {
  readonly live: number
  readonly backfill: number
  /** For a message of a forward route; without it none. */
  readonly forward?: number
  readonly prefer: Lane
}

export interface AmendmentsConfirmation {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly lastId: number
}

export interface Confirmed {
  /** Readings for which that was news. */
  readonly count: number
  /** The database had gone back in time: a new epoch has begun, nothing was marked. */
  readonly renewed: boolean
}

/** Questions to the store thread and the shapes of their answers. */
export interface Calls extends ConfigCalls {
  incoming: { request: undefined; reply: readonly IncomingId[] }
  /** The next message, of at most so many bytes for its lane unless a single reading or amendment is larger; 0: none. */
  next: { request: { uplink: string } & Ask; reply: Outgoing }
  /** The far side has these positions of this epoch, and has seen up to `high` (0: it does not say). */
  confirm: { request: Confirmation; reply: Confirmed }
  confirmAmendments: { request: AmendmentsConfirmation; reply: undefined }
  /** The far side refuses what left under these positions, and will again. */
  refuse: { request: Refused; reply: Refusal }
  /** The far side has these messages. */
  confirmMessages: { request: { uplink: string; ids: readonly number[] }; reply: undefined }
  /**
   * The far side refuses a message, and will again; `certain`: whatever becomes of others. Answered with how long all
   * messages are held back (ms, 0: not at all).
   */
  refuseMessage: {
    request: { uplink: string; id: number; reason: string; certain: boolean }
    reply: number
  }
  /** The far side has lost these positions, and wants them once more. */
  askAgain: { request: { uplink: string; epoch: string; ranges: readonly SeqRange[] }; reply: undefined }
  /** Nothing is on its way any more; so much was spent until now. */
  release: { request: { uplink: string; spent: Spent | undefined }; reply: undefined }
  spent: { request: { uplink: string }; reply: Spent | undefined }
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
  /** What a person can do, where the error names it. */
  readonly remedy: string | undefined
}

/** For the log of the edge. */
export interface Notice {
  readonly level: 'error' | 'warn' | 'info'
  readonly text: string
  /** The error behind it, where there is one. */
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
  /** Something happened that a person should know of; told at any time. */
  | (Notice & { readonly kind: 'notice' })
  | { readonly kind: 'refused'; readonly message: string; readonly remedy: string; readonly exitCode: number }

/** What the store thread is started with. */
export interface ThreadData {
  readonly folder: string
  readonly settings: Pick<EdgeSettings, 'edge' | 'store' | 'quality' | 'uplinks' | 'config'>
}
