import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { RawLogRow } from '../log.ts'
import type { Positions } from '../positions.ts'
import { Bisection } from './bisection.ts'
import type { Parked } from './parked.ts'
import { POISON_CANDIDATES_MAX, PoisonCandidates } from './poison-candidates.ts'
import { RefusedSeries } from './refused-series.ts'

/** Intervals of positions that are held back at once; with more, the uplink stops until an operator acts. */
const HELD_RANGES_MAX = 100_000
/** Messages whose readings are held back before anything else is confirmed. With more, the readings are not the cause. */
const UNPROVED_MAX = 64
const PAGE_ROWS = 4_096

/**
 * Result of a refusal. `halved`: its halves are tried. `parked`: the refused readings are parked or held back; a single
 * one may be parked only when anything else is confirmed. `hopeless`: everything is refused.
 */
export type Refusal = 'halved' | 'parked' | 'hopeless'

/** What is refused, and why. `at`: UTC ms. */
export interface RefusedRange {
  readonly range: SeqRange
  readonly reason: string
  readonly at: number
}

interface Surroundings {
  readonly parked: Parked
  readonly settled: SeqSet
  readonly positions: Positions
  /** In its owner's transaction: writes that these positions need not be sent any more. */
  readonly settle: (range: SeqRange) => void
  /** Offers these positions again. */
  readonly rewind: (range: SeqRange) => void
}

/**
 * Finds the readings that the receiver refuses and takes them out of the way of all others. A refused message is halved
 * until a single reading is found. When the receiver refuses one reading of a series after the other, all readings of
 * the series in a refused message are taken out together. They are parked as long as there is room, and held back
 * after that: they stay in the store, are not sent, and are tried again with the next connection.
 */
export class Refusals {
  readonly #around: Surroundings
  readonly #bisection = new Bisection()
  readonly #candidates: PoisonCandidates
  readonly #series = new RefusedSeries()
  /** Not sent with this connection. */
  readonly held = new SeqSet()
  /** Those of them that are held back although nothing else was confirmed yet. */
  #unproved: SeqRange[] = []
  #unprovedMessages = 0

  constructor(around: Surroundings) {
    this.#around = around
    this.#candidates = new PoisonCandidates(around.settled)
  }

  /** Some readings are held back, and nothing proves yet that they are the cause. */
  get isUnproved(): boolean {
    return this.#unproved.length > 0
  }

  /** See `Bisection.limit`. */
  limit(range: SeqRange): Seq {
    return this.#bisection.limit(range)
  }

  /** A connection has ended. */
  releaseAll(): void {
    for (const seq of this.#candidates.undecided) this.#bisection.add(seq)
    this.#candidates.clear()
    this.held.clear()
    this.#forgetUnproved()
  }

  #forgetUnproved(): void {
    this.#unproved = []
    this.#unprovedMessages = 0
  }

  /** The receiver has these positions. */
  confirmed(range: SeqRange): void {
    this.#bisection.clear(range)
    if (this.held.size > 0) this.held.remove(range)
  }

  /** In its owner's transaction: readings of these series were confirmed, so the refused ones are the cause. */
  passed(series: Iterable<number>): void {
    for (const one of series) this.#series.passed(one)
    this.#candidates.othersPassed()
    this.#takeOutCandidates()
    for (const range of this.#unproved) {
      this.held.remove(range)
      this.#around.rewind(range)
    }
    this.#forgetUnproved()
  }

  #takeOutCandidates(): void {
    for (const { row, reason, at } of this.#candidates.proved()) {
      this.#series.proved(row[1])
      if (!this.#park(row, reason, at)) this.#candidates.forget(row[0])
    }
  }

  /** Parks a reading, or holds it back if there is no room. @returns whether it is parked */
  #park(row: RawLogRow, reason: string, at: number): boolean {
    const { parked, settle } = this.#around
    const range = { first: row[0], last: row[0] }
    const hasRoom = parked.hasRoom(row[1])
    if (hasRoom) {
      parked.park(row, reason, at)
      settle(range)
      this.held.remove(range)
    } else this.held.add(range)
    return hasRoom
  }

  /**
   * In its owner's transaction: the receiver refused this range, and will refuse it again. The caller offers its
   * positions again, unless they are settled or held back.
   * @param only the reading of the range, if it has only one
   */
  refuse(refused: RefusedRange, only: RawLogRow | undefined): Refusal {
    const { range, reason, at } = refused
    const equal = this.#equal(refused)
    if (this.held.size > HELD_RANGES_MAX) return 'hopeless'
    if (equal > 0) {
      this.#bisection.clear(range)
      return this.#unprovedMessages > UNPROVED_MAX ? 'hopeless' : 'parked'
    }
    if (this.#bisection.size + this.#candidates.undecided.length === 0) this.#candidates.begin()
    if (only === undefined) {
      this.#bisection.halve(range)
      return 'halved'
    }
    this.#series.refused(only[1], reason)
    this.#candidates.add({ row: only, reason, at })
    this.held.add({ first: only[0], last: only[0] })
    this.#bisection.clear(range)
    this.#takeOutCandidates()
    return this.#candidates.undecided.length > POISON_CANDIDATES_MAX ? 'hopeless' : 'parked'
  }

  /** Takes out the readings of series that are refused for this reason. @returns their number */
  #equal({ range, reason, at }: RefusedRange): number {
    const series = this.#series.of(reason)
    if (series.size === 0) return 0
    let count = 0
    const unproved = new SeqSet()
    for (const row of this.#around.positions.from(range.first, PAGE_ROWS, range.last)) {
      if (!series.has(row[1]) || this.#around.settled.has(row[0])) continue
      count++
      if (this.#series.isProved(row[1])) this.#park(row, reason, at)
      else unproved.add({ first: row[0], last: row[0] })
    }
    for (const one of unproved) this.held.add(one)
    this.#unproved.push(...unproved)
    if (unproved.size > 0) this.#unprovedMessages++
    return count
  }
}
