import type { Seq, SeqRange } from '../base/reading.ts'
import type { Spent } from './budget.ts'
import type { Ask, Lane } from './lanes.ts'

export type { Ask, Lane } from './lanes.ts'

/** What an uplink needs of the store. */
export interface Outbox {
  /**
   * The next message, or how long to wait (milliseconds; undefined: until something new is stored). A message exceeds
   * the requested size only if it is a single reading or amendment.
   */
  next(ask: Ask): Promise<Outgoing>
  /**
   * Marks what the receiver has, as far as it was sent.
   */
  confirm(confirmation: Confirmation): Promise<Confirmed>
  /** Resolves with the number of amendments that the receiver claims to have and that were not sent. */
  confirmAmendments(confirmation: Sending & { readonly lastId: number }): Promise<number | undefined>
  /**
   * The broker or the receiver refuses the readings at these positions, and would refuse them again. `halved`: they
   * are sent again in two parts. `parked`: the single reading is quarantined. `hopeless`: everything is refused; no
   * more readings are quarantined.
   */
  refuse(refused: Sending & { readonly range: SeqRange; readonly reason: string }): Promise<Refusal>
  /** The cloud broker has these messages of forward routes. */
  confirmMessages(ids: readonly number[]): Promise<void>
  /**
   * The cloud broker refuses a message of a forward route, and would refuse it again. `certain`: the message itself
   * is the cause, whatever happens to others. Resolves with how long all messages are held back (milliseconds)
   * because everything is refused; 0: they are not.
   */
  refuseMessage(refused: { readonly id: number; readonly reason: string; readonly certain: boolean }): Promise<number>
  /** The receiver has lost these readings and requests them again. */
  requestResend(request: { readonly epoch: string; readonly ranges: readonly SeqRange[] }): Promise<void>
  /**
   * Nothing is in flight: everything unconfirmed is offered again and counts as backlog. Called when a connection
   * begins and when it ends.
   */
  release(spent: Spent): Promise<void>
  /** The link usage that was stored last. */
  spent(): Promise<Spent | undefined>
  /**
   * The receiver has another edge with this name: the uplink is paused until an operator resumes it. Resolves with false
   * if the answer is for something else; then nothing changes.
   */
  pause(sending: Sending): Promise<boolean>
  /** Since when the uplink is paused, UTC ms; undefined: it is not. */
  pausedSince(): Promise<number | undefined>
}

export type Refusal = 'halved' | 'parked' | 'hopeless'

/**
 * The identity under which a message was sent. An answer with another identity belongs to something else and marks
 * nothing.
 */
export interface Sending {
  /** Timeline of the positions. */
  readonly epoch: string
  /** Names one opening of the store. */
  readonly run: string
}

export interface Confirmation extends Sending {
  /** Positions that were sent, and that the receiver has. */
  readonly ranges: readonly SeqRange[]
  /** Positions that the receiver claims to have, and that were not sent. */
  readonly unsent?: readonly SeqRange[]
  /** The highest position that the receiver ever saw; 0: it does not say. */
  readonly high: Seq
  /** The receiver holds other readings under positions that it was sent. */
  readonly forked: boolean
  /** The link usage up to now, to be stored with the confirmation. */
  readonly spent: Spent | undefined
}

export interface Confirmed {
  /** Readings that were not confirmed before. */
  readonly count: number
  /** This database was set back in time, so everything unmarked is sent again. */
  readonly renewed: boolean
  /** Number of positions that the receiver claims to have and that were not sent. */
  readonly unsent?: number | undefined
  /** Number of positions that were sent and are not marked: the receiver confirms too many separate parts. */
  readonly unmarked?: number | undefined
  /** The receiver says too soon again that this database was set back: no readings may be sent for this time (ms). */
  readonly heldMs?: number
}

/** `backlog`: whether more readings are left that were stored before the connection was made. */
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
  /** Readings in the batch; 0: the batch says that there are none (any more). */
  readonly count: number
}

/** A message of a forward route, published unchanged. */
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
