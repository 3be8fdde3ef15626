import type { Seq, SeqRange } from '../../base/reading.ts'
import type { Spent } from '../../store/delivery/link-usage.ts'

/** A receipt. It counts only for the epoch and the run under which the batch was sent; otherwise it is sent again. */
export interface Confirmation {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly ranges: readonly SeqRange[]
  /** Positions that the receiver claims to have, and that the uplink did not send; undefined: none. */
  readonly unsent?: readonly SeqRange[]
  readonly high: Seq
  /** The receiver held different readings at positions that it was sent. */
  readonly forked: boolean
  /** Link usage until now, stored in the same transaction; undefined: not measured. */
  readonly spent: Spent | undefined
}

export interface Refused {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly range: SeqRange
  /** As the receiver or the cloud broker states it. */
  readonly reason: string
}

export interface AmendmentsConfirmation {
  readonly uplink: string
  readonly epoch: string
  readonly run: string
  readonly lastId: number
}

export interface Confirmed {
  /** Readings that were not confirmed before. */
  readonly count: number
  /** Number of positions that the receiver claims to have and that were not sent: not marked. Undefined: none. */
  readonly unsent?: number | undefined
  /** Number of positions that were sent and are not marked: the receiver confirms too many separate parts. */
  readonly unmarked?: number | undefined
  /** The database had been set back to an earlier state: a new epoch has begun, nothing was marked. */
  readonly renewed: boolean
  /** The receiver says so again, too soon: nothing was marked, and a new epoch may begin after this time (ms). */
  readonly heldMs?: number
}
