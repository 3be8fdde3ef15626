import type { Seq, SeqRange } from '../base/reading.ts'

/** What an uplink needs of whoever keeps the readings. */
export interface Outbox {
  /**
   * The next message, or how long to wait (ms; undefined: until something new is stored). It is larger than `bytesMax`
   * only where it is a single reading or amendment.
   */
  next(bytesMax: number): Promise<Outgoing>
  /** Marks what the far side has. `renewed`: the database had gone back in time; everything unmarked goes out anew. */
  confirm(
    confirmation: Sending & { readonly ranges: readonly SeqRange[]; readonly high: Seq; readonly forked: boolean },
  ): Promise<{ readonly count: number; readonly renewed: boolean }>
  confirmAmendments(confirmation: Sending & { readonly lastId: number }): Promise<void>
  /** Nothing is on its way any more: what was not confirmed is offered again. */
  release(): Promise<void>
}

/** Under which names a message left: an answer with other names is to something else, and marks nothing. */
export interface Sending {
  /** Timeline of the positions. */
  readonly epoch: string
  /** Opening of the store. */
  readonly run: string
}

export type Outgoing = Batch | Amendments | { readonly kind: 'wait'; readonly ms: number | undefined }

interface Batch extends Sending {
  readonly kind: 'batch'
  readonly bytes: Uint8Array
  readonly range: SeqRange
  readonly count: number
}

interface Amendments extends Sending {
  readonly kind: 'amendments'
  readonly bytes: Uint8Array
  readonly lastId: number
  readonly count: number
}
