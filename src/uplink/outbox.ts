import type { Seq, SeqRange } from '../base/reading.ts'

/** What an uplink needs of whoever keeps the readings. */
export interface Outbox {
  /** The next message, or how long to wait (ms; undefined: until something new is stored). */
  next(): Promise<Outgoing>
  /** Marks what the far side has. `renewed`: the database had gone back in time; everything unmarked goes out anew. */
  confirm(confirmation: {
    epoch: string
    ranges: readonly SeqRange[]
    high: Seq
    forked: boolean
  }): Promise<{ readonly count: number; readonly renewed: boolean }>
  confirmAmendments(lastId: number): Promise<void>
  /** Nothing is on its way any more: what was not confirmed is offered again. */
  release(): Promise<void>
}

export type Outgoing =
  | {
      readonly kind: 'batch'
      readonly bytes: Uint8Array
      readonly epoch: string
      readonly range: SeqRange
      readonly count: number
    }
  | { readonly kind: 'amendments'; readonly bytes: Uint8Array; readonly lastId: number; readonly count: number }
  | { readonly kind: 'wait'; readonly ms: number | undefined }
