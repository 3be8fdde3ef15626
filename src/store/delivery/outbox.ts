import type { Database } from 'better-sqlite3'
import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import { addCount } from '../counts.ts'
import type { Positions } from '../positions.ts'
import type { Stretch } from '../stretch.ts'
import { DeliveryAccount } from './account.ts'
import { AmendmentQueue } from './amendment-queue.ts'
import { InFlightPositions } from './in-flight.ts'
import { Parked } from './parked.ts'
import { type Refusal, Refusals } from './refusals.ts'
import { ResendRequests } from './resend-requests.ts'
import { SentPositions } from './sent.ts'

/** Intervals of settled positions, at most: a receiver could confirm every second reading. */
export const SETTLED_RANGES_MAX = 10_000

/** `live`: readings that arrived since the connection was made. `backfill`: readings that had accumulated before. */
export type Lane = 'live' | 'backfill'

/**
 * Delivered, in-flight and next readings of one uplink. Settled positions are stored as intervals, never as a flag in a
 * row; positions in flight are in memory only. "Receiver" here: a receiver, or the cloud broker with `confirm: puback`.
 */
export class Outbox {
  readonly name: string
  /** Positions that need not be sent (any more): confirmed, parked, or dropped. */
  readonly settled = new SeqSet()
  readonly parked: Parked
  readonly amendments: AmendmentQueue
  /** What this run has sent: a receipt counts for nothing else (UplinkRequests). */
  readonly sent = new SentPositions()
  /** Settled positions that the receiver has lost and requests again. */
  readonly again: ResendRequests
  readonly #account: DeliveryAccount
  readonly #inFlight = new InFlightPositions()
  readonly #refusals: Refusals
  /** Positions between those that were sent that have no reading (any more): settled with the next answer. */
  readonly #empty = new SeqSet()
  readonly #positions: Positions
  /** The highest position that was ever in flight in this epoch. */
  #leftMax: Seq
  /** The highest assigned position when the next readings were asked for. */
  #lastSeq: Seq
  /** The live lane sends from this position on, the backfill lane before it. */
  #liveFrom: Seq
  readonly #next: Record<Lane, Seq>

  /** @param options `lastSeq` is the highest assigned position; which positions up to it were sent is not known. */
  constructor(
    database: Database,
    positions: Positions,
    { id, name, lastSeq }: { readonly id: number; readonly name: string; readonly lastSeq: Seq },
  ) {
    this.name = name
    this.#leftMax = lastSeq
    this.#lastSeq = lastSeq
    this.#liveFrom = lastSeq + 1
    this.#next = { live: lastSeq + 1, backfill: 1 }
    this.#positions = positions
    this.#account = new DeliveryAccount(database, id)
    this.parked = new Parked(database, id)
    this.again = new ResendRequests(positions)
    this.amendments = new AmendmentQueue(database, id, this.settled)
    const { parked, settled } = this
    const [settle, rewind] = [this.settle.bind(this), this.#rewind.bind(this)]
    this.#refusals = new Refusals({ parked, settled, positions, settle, rewind })
    this.reload()
  }

  /** Number of positions that are held back because the receiver refuses their series. */
  get heldCount(): number {
    return this.#refusals.held.count
  }

  /** Number of confirmed readings. */
  get confirmedCount(): number {
    return this.#account.confirmed
  }

  /** Reads the settled positions again: at the start, and after a failed transaction. */
  reload(): void {
    this.settled.clear()
    for (const range of this.#account.settled()) this.settled.add(range)
    this.#inFlight.forgetCounts()
    this.parked.reload()
    this.amendments.reload()
  }

  /** Readings up to this position belong to the backlog from now on. */
  beginLive(lastSeq: Seq): void {
    this.#lastSeq = lastSeq
    this.#liveFrom = lastSeq + 1
    this.#next.live = lastSeq + 1
    this.#next.backfill = Math.min(this.#next.backfill, lastSeq + 1)
  }

  /** Whether the backfill lane has a reading that is neither settled nor in flight. */
  hasBacklog(): boolean {
    return this.#open('backfill', this.#liveFrom - 1) !== undefined || !this.again.isEmpty
  }

  /** The next readings of a lane that are neither settled nor in flight. Undefined: there is none. */
  next(lane: Lane, lastSeq: Seq, countMax: number): Stretch | undefined {
    this.#lastSeq = lastSeq
    for (;;) {
      const range = this.#open(lane, lastSeq)
      if (range === undefined) return undefined
      const stretch = this.#positions.stretch(range, countMax)
      this.#empty.add({ first: range.first, last: (stretch?.first ?? range.last + 1) - 1 })
      if (stretch !== undefined) return stretch
      this.#next[lane] = range.last + 1
    }
  }

  /** Works for at most `budgetMs` on opening what `next` needs; false: not open yet, do other work first. */
  prepare(lane: Lane, lastSeq: Seq, budgetMs: number): boolean {
    const range = this.#open(lane, lastSeq)
    return range === undefined || this.#positions.prepare(range.first, budgetMs)
  }

  /** The first positions of a lane that are neither settled nor in flight. */
  #open(lane: Lane, lastSeq: Seq): SeqRange | undefined {
    const taken = [this.settled, this.#inFlight.positions, this.#refusals.held]
    const end = lane === 'live' ? lastSeq : Math.min(lastSeq, this.#liveFrom - 1)
    let first = this.#next[lane]
    for (let around: SeqRange | undefined; ; first = around.last + 1) {
      around = taken[0]!.around(first) ?? taken[1]!.around(first) ?? taken[2]!.around(first)
      if (around === undefined) break
    }
    this.#next[lane] = Math.min(first, end + 1)
    if (first > end) return undefined
    const last = taken.reduce((least, set) => Math.min(least, (set.from(first)?.first ?? Infinity) - 1), end)
    return { first, last: this.#refusals.limit({ first, last }) }
  }

  /** Marks positions as in flight. @param bySeries their number of readings by series, if it is known */
  take(range: SeqRange, bySeries?: ReadonlyMap<number, number>): void {
    this.#inFlight.open(range, bySeries)
    this.#leftMax = Math.max(this.#leftMax, range.last)
  }

  /** Marks a range as not in flight any more; its readings that were not confirmed are offered again. */
  release(range: SeqRange): void {
    this.#inFlight.release(range)
    this.#rewind(range)
  }

  #rewind({ first, last }: SeqRange): void {
    if (first < this.#liveFrom) this.#next.backfill = Math.max(1, Math.min(this.#next.backfill, first))
    if (last >= this.#liveFrom) this.#next.live = Math.min(this.#next.live, Math.max(first, this.#liveFrom))
  }

  /** The same for all positions; all readings stored so far are the backlog of the next connection. */
  releaseAll(lastSeq: Seq): void {
    this.#inFlight.clear()
    this.again.release()
    this.#refusals.releaseAll()
    this.#next.backfill = 1
    this.beginLive(lastSeq)
    this.parked.releaseAll()
    this.amendments.releaseAll()
  }

  /** Nothing was sent in the new epoch; receipts of the old one no longer count. */
  beginEpoch(lastSeq: Seq): void {
    this.releaseAll(lastSeq)
    this.again.clear()
    this.sent.clear()
    this.#leftMax = 0
  }

  /**
   * Whether the receiver may have this reading with its former verdict. A reading that is not in flight any more counts
   * too: its receipt may still arrive, and then it is not sent again.
   */
  mayHaveLeft(seq: Seq): boolean {
    return seq <= this.#leftMax || this.settled.has(seq)
  }

  /** Whether a reading of this range is in flight: sent, and not answered. */
  isOnItsWay({ first, last }: SeqRange): boolean {
    const { positions } = this.#inFlight
    for (let next = positions.from(first); next !== undefined && next.first <= last; ) {
      const sent = { first: Math.max(first, next.first), last: Math.min(last, next.last) }
      if (this.settled.missing(sent).length > 0) return true
      next = positions.from(next.last + 1)
    }
    return false
  }

  /** Whether a confirmation of these positions would change anything. */
  isOpen(ranges: readonly SeqRange[]): boolean {
    return ranges.some((range) => {
      const isSettled = (this.settled.around(range.first)?.last ?? 0) >= range.last
      return (!isSettled && this.#hasRoom(range)) || this.parked.isInFlight(range) || this.again.wants(range)
    })
  }

  /**
   * In its owner's transaction: writes that the receiver has these positions. Positions above `lastSeq` were not
   * assigned by this database and are skipped, and so are those that would need an interval beyond SETTLED_RANGES_MAX:
   * they are sent again. @returns the number of readings that were not confirmed before.
   */
  confirm(ranges: readonly SeqRange[], lastSeq: Seq): number {
    const bySeries = new Map<number, number>()
    for (const { first, last } of ranges) {
      const ours = { first: Math.max(1, first), last: Math.min(last, lastSeq) }
      for (const gap of this.settled.missing(ours)) {
        if (!this.#hasRoom(gap)) continue
        this.#count(gap, bySeries)
        this.settle(gap)
      }
      for (const series of this.parked.confirm(ours)) addCount(bySeries, series, 1)
      this.#refusals.confirmed(ours)
      this.again.remove(ours)
    }
    const count = this.#account.addConfirmed(bySeries)
    this.#settleEmpty()
    if (count > 0) this.#refusals.passed(bySeries.keys())
    return count
  }

  /** Whether these positions can be settled: in an interval that they touch, or in one more. */
  #hasRoom({ first, last }: SeqRange): boolean {
    return this.settled.size < SETTLED_RANGES_MAX || (this.settled.from(first - 1)?.first ?? Infinity) <= last + 1
  }

  /** In its owner's transaction. A range is forgotten at the next call, when it is sure to be on the disk. */
  #settleEmpty(): void {
    for (const gap of [...this.#empty]) {
      const open = this.settled.missing(gap)
      if (open.length === 0) this.#empty.remove(gap)
      for (const range of open) this.settle(range)
    }
  }

  /** Adds the number of readings of each series at these positions, which were not settled before. */
  #count(gap: SeqRange, counts: Map<number, number>): void {
    for (const { range, bySeries = this.#positions.countBySeries(range) } of this.#inFlight.parts(gap)) {
      for (const [series, count] of bySeries) addCount(counts, series, count)
    }
  }

  /** In its owner's transaction: writes that these positions need not be sent any more. */
  settle(range: SeqRange): void {
    this.settled.add(range)
    this.#account.settle(this.settled.around(range.first)!)
  }

  /** In its owner's transaction: the receiver refused this range, and will refuse it again. `at`: UTC ms. */
  refuse(range: SeqRange, reason: string, at: number): Refusal {
    if (range.first === range.last && this.parked.has(range.first)) {
      this.parked.refuse(range.first, reason, at)
      return 'parked'
    }
    if (this.settled.missing(range).length === 0) {
      this.again.remove(range)
      return 'parked'
    }
    const isOne = range.first === range.last || this.#inFlight.countOf(range) === 1
    const only = isOne ? this.#positions.rows(range, 1)[0] : undefined
    const result = this.#refusals.refuse({ range, reason, at }, only)
    this.release(range)
    return result === 'parked' && this.#isStuck() ? 'hopeless' : result
  }

  /** Nothing is left to send or to wait for, although nothing proves that what is held back is the cause. */
  #isStuck(): boolean {
    if (!this.#refusals.isUnproved || this.#inFlight.positions.size > 0) return false
    return this.#open('live', this.#lastSeq) === undefined && this.#open('backfill', this.#lastSeq) === undefined
  }

  /** The receiver has lost these positions: settled ones are sent again; others are sent anyway. */
  requestResend(ranges: readonly SeqRange[], lastSeq: Seq): void {
    for (const { first, last } of ranges) {
      this.again.add({ first: Math.max(1, first), last: Math.min(last, lastSeq) }, this.settled)
    }
  }

  /** In its owner's transaction: counts readings of a device that were removed before they were confirmed. */
  addDropped(device: number, count: number): void {
    this.#account.addDropped(device, count)
  }

  /** In its owner's transaction: see `DeliveryAccount.rebalance`. */
  rebalance(device: number, gone: number): void {
    this.#account.rebalance(device, gone)
  }

  /** In its owner's transaction: gives up a parked reading. @returns false if there is none with this id. */
  dropParked(id: number): boolean {
    const series = this.parked.drop(id)
    if (series !== undefined) this.#account.addDropped(this.#account.deviceOf(series), 1)
    return series !== undefined
  }
}
