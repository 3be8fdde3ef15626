import type { Seq, SeqRange } from '../base/reading.ts'
import type { Amendments } from '../codec/amendments.ts'
import type { Batch } from '../codec/batch.ts'
import type { ConfigStore } from './config/config-store.ts'
import type { Fleet } from './fleet/fleet.ts'

/** A message that could not be taken: news about an edge, kept for people. */
export interface Reject {
  readonly topic: string
  readonly reason: string
  readonly payload: Uint8Array
  /** Of a message whose payload is the beginning only: how long it was. */
  readonly payloadBytes?: number
}

/** One message, opened. */
export type Delivery =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'amendments'; readonly amendments: Amendments }
  | { readonly kind: 'reject'; readonly reject: Reject }

/**
 * What became of one delivery; `high` is the highest position of this (edge, epoch) that the sink ever had, 0 for none.
 * - `stored`: the sink has every reading of the batch; `repeats` of them it had before.
 * - `forked`: the sink has another reading under a position of the batch: the edge's database went back in time, and its
 *   epoch is used up. Nothing of the batch was stored.
 * - `amended`: every verdict is merged or waits for its reading.
 * - `refused`: the sink cannot keep this batch or these amendments, now or later, and kept nothing of it.
 * - `kept`: the reject is kept, for as long as there is room.
 */
export type StoreResult =
  | { readonly kind: 'stored'; readonly ranges: readonly SeqRange[]; readonly high: Seq; readonly repeats: number }
  | { readonly kind: 'forked'; readonly ranges: readonly SeqRange[]; readonly high: Seq }
  | { readonly kind: 'amended'; readonly high: Seq }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'kept' }

/**
 * Where readings go. The promises, proved for every sink by one suite of tests:
 * - A reading is known by (edge, epoch, seq). However often it comes, and in whatever batches, it is stored once.
 * - Which positions are there is remembered in the same transaction as the readings.
 * - A verdict that comes again, or by itself, is merged with the one that is there: the worse flag, all reasons. Batches
 *   and amendments give the same result in any order.
 */
export interface Sink {
  /**
   * Stores the deliveries of one call in one transaction, in their order, and resolves after the commit.
   * @param receivedAt UTC milliseconds
   * @returns one result for each delivery
   * @throws when anything could not be made durable; then nothing of this call is stored, and it may be tried again
   */
  store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> | readonly StoreResult[]
  /** What is known of edges beside their readings; a sink need not keep it. */
  readonly fleet?: Fleet
  /** The cloud side of config sync; without it there is none. */
  readonly configs?: ConfigStore
  /** Nothing is stored any more. Calling it twice is harmless. */
  close(): Promise<void> | void
}
