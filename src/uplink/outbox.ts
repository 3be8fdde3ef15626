import type { Seq, SeqRange } from '../base/reading.ts'
import type { Spent } from './budget.ts'
import type { Ask, Lane } from './lanes.ts'

export type { Ask, Lane } from './lanes.ts'

/** What an uplink needs of whoever keeps the readings. */
export interface Outbox {
  /**
   * The next message, or how long to wait (ms; undefined: until something new is stored). It is larger than what was
   * asked for only where it is a single reading or amendment.
   */
  next(ask: Ask): Promise<Outgoing>
  /** Marks what the far side has. `renewed`: the database had gone back in time; everything unmarked goes out anew. */
  confirm(confirmation: Confirmation): Promise<{ readonly count: number; readonly renewed: boolean }>
  confirmAmendments(confirmation: Sending & { readonly lastId: number }): Promise<void>
  /**
   * The far side refuses what left under these positions, and will again. `halved`: it comes again in two parts.
   * `parked`: the single reading is put aside. `hopeless`: everything is refused; nothing more is put aside.
   */
  refuse(refused: Sending & { readonly range: SeqRange; readonly reason: string }): Promise<Refusal>
  /** The far side has these messages of forward routes. */
  confirmMessages(ids: readonly number[]): Promise<void>
  /**
   * The far side refuses a message of a forward route, and will again. `certain`: it is the message, whatever becomes of
   * others. Resolves with how long all messages are held back (ms) because everything is refused; 0: they are not.
   */
  refuseMessage(refused: { readonly id: number; readonly reason: string; readonly certain: boolean }): Promise<number>
  /** The far side has lost these, and wants them once more. */
  askAgain(request: { readonly epoch: string; readonly ranges: readonly SeqRange[] }): Promise<void>
  /**
   * Nothing is on its way: what was not confirmed is offered again, and is backlog. Called where a connection begins, and
   * where it ends.
   */
  release(spent: Spent): Promise<void>
  /** What the link had cost when that was last told. */
  spent(): Promise<Spent | undefined>
}

export type Refusal = 'halved' | 'parked' | 'hopeless'

/** Under which names a message left: an answer with other names is to something else, and marks nothing. */
export interface Sending {
  /** Timeline of the positions. */
  readonly epoch: string
  /** Opening of the store. */
  readonly run: string
}

export interface Confirmation extends Sending {
  readonly ranges: readonly SeqRange[]
  /** The highest position that the far side ever saw; 0: it does not say. */
  readonly high: Seq
  /** The far side holds other readings under positions that it was sent. */
  readonly forked: boolean
  /** What the link has cost until now, to be kept with it. */
  readonly spent: Spent | undefined
}

/** `backlog`: whether there is more of what had gathered before the connection was made. */
export type Outgoing = { readonly backlog: boolean } & (
  | Batch
  | Amendments
  | Message
  | { readonly kind: 'wait'; readonly ms: number | undefined }
)

export interface Batch extends Sending {
  readonly kind: 'batch'
  readonly lane: Lane
  readonly bytes: Uint8Array
  readonly range: SeqRange
  /** Readings; 0: it says that there are none (any more). */
  readonly count: number
}

/** A message of a forward route, to be published as it is. */
export interface Message {
  readonly kind: 'message'
  readonly id: number
  readonly topic: string
  readonly bytes: Uint8Array
  readonly retain: boolean
}

export interface Amendments extends Sending {
  readonly kind: 'amendments'
  readonly bytes: Uint8Array
  readonly lastId: number
  readonly count: number
}
