import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'

/** The number of readings of each series in what was sent at these positions. */
interface InFlightRange extends SeqRange {
  readonly bySeries: ReadonlyMap<number, number>
}

/** Positions in flight, in memory only: after a crash they are sent again, and the receiver recognizes them. */
export class InFlightPositions {
  readonly positions = new SeqSet()
  /**
   * By first position: counts from the time of sending, so that an answer is booked without reading the readings again.
   */
  readonly #inFlight = new Map<Seq, InFlightRange>()

  open({ first, last }: SeqRange, bySeries: InFlightRange['bySeries'] | undefined): void {
    this.positions.add({ first, last })
    if (bySeries !== undefined) this.#inFlight.set(first, { first, last, bySeries })
  }

  release(range: SeqRange): void {
    this.positions.remove(range)
    this.#inFlight.delete(range.first)
  }

  clear(): void {
    this.positions.clear()
    this.#inFlight.clear()
  }

  /** Forgets the counts, but not the positions in flight. */
  forgetCounts(): void {
    this.#inFlight.clear()
  }

  /** Number of readings that were sent at exactly these positions; undefined: they were not counted. */
  countOf({ first, last }: SeqRange): number | undefined {
    const inFlight = this.#inFlight.get(first)
    return inFlight?.last === last ? [...inFlight.bySeries.values()].reduce((sum, n) => sum + n, 0) : undefined
  }

  /** Splits a stretch into ranges that were counted as a whole when they were sent, and the rest. */
  *parts({
    first,
    last,
  }: SeqRange): Generator<{ readonly range: SeqRange; readonly bySeries: InFlightRange['bySeries'] | undefined }> {
    for (let next = first; next <= last; ) {
      const inFlight = this.#inFlight.get(next)
      const known = inFlight !== undefined && inFlight.last <= last
      const end = known ? inFlight.last : this.#nextCounted(next, last)
      yield { range: { first: next, last: end }, bySeries: known ? inFlight.bySeries : undefined }
      this.#inFlight.delete(next)
      next = end + 1
    }
  }

  /** The end of a stretch that was not counted when it was sent. */
  #nextCounted(from: Seq, last: Seq): Seq {
    let end = last
    for (const [first, inFlight] of this.#inFlight) {
      if (first > from && first <= end && inFlight.last <= last) end = first - 1
    }
    return end
  }
}
