import type { Seq, SeqRange } from '../base/reading.ts'
import type { Amendments } from '../codec/amendments.ts'
import type { Batch } from '../codec/batch.ts'
import type { ConfigStore } from './config/config-store.ts'
import type { Fleet } from './fleet/fleet.ts'

/** A message that could not be stored, kept for operators. */
export interface Reject {
  /** The edge that the topic names; undefined: it names none. */
  readonly edge?: string | undefined
  readonly topic: string
  readonly reason: string
  readonly payload: Uint8Array
  /** Full length of the payload in bytes, if `payload` is only its beginning. */
  readonly payloadBytes?: number
}

/** One open message. */
export type Delivery =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'amendments'; readonly amendments: Amendments }
  | { readonly kind: 'reject'; readonly reject: Reject }

/**
 * The outcome of one delivery; `high` is the highest position of this (edge, epoch) that the sink ever had, 0 for
 * none.
 * - `stored`: the sink has every reading of the batch; it had `repeats` of them before.
 * - `forked`: the sink has another reading under a position of the batch: the edge's database was set back in time,
 *   and its epoch can no longer be used. Nothing of the batch was stored.
 * - `amended`: every verdict is merged or waits for its reading.
 * - `refused`: the sink can never keep this batch or these amendments, and kept nothing of them.
 * - `kept`: the reject is kept as long as there is room.
 */
export type StoreResult =
  | { readonly kind: 'stored'; readonly ranges: readonly SeqRange[]; readonly high: Seq; readonly repeats: number }
  | { readonly kind: 'forked'; readonly ranges: readonly SeqRange[]; readonly high: Seq }
  | { readonly kind: 'amended'; readonly high: Seq }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'kept' }

/**
 * Where readings are stored. One test suite proves these guarantees for every sink:
 * - A reading is identified by (edge, epoch, seq). However often it arrives, in whatever batches, it is stored once.
 * - The stored positions are recorded in the same transaction as the readings.
 * - A verdict that arrives again, or by itself, is merged with the stored one: the worse flag, all reasons. Batches
 *   and amendments give the same result in any order.
 */
export interface Sink {
  /**
   * Stores the deliveries of one call in one transaction, in their order, and resolves after the commit.
   * @param receivedAt UTC milliseconds
   * @returns one result for each delivery
   * @throws if anything could not be made durable; then nothing of this call is stored, and it may be tried again
   */
  store(deliveries: readonly Delivery[], receivedAt: number): Promise<readonly StoreResult[]> | readonly StoreResult[]
  /** The fleet view: what is known of edges in addition to their readings. Optional. */
  readonly fleet?: Fleet
  /** The cloud side of config sync. Optional: without it there is none. */
  readonly configs?: ConfigStore
  /** Ends storing. Calling it twice is harmless. */
  close(): Promise<void> | void
}
