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
  /** The keys of the map, ascending. */
  readonly #firsts: Seq[] = []

  open({ first, last }: SeqRange, bySeries: InFlightRange['bySeries'] | undefined): void {
    this.positions.add({ first, last })
    if (bySeries !== undefined) this.#remember({ first, last, bySeries })
  }

  release(range: SeqRange): void {
    this.positions.remove(range)
    this.#forget(range.first)
  }

  clear(): void {
    this.positions.clear()
    this.forgetCounts()
  }

  /** Forgets the counts, but not the positions in flight. */
  forgetCounts(): void {
    this.#inFlight.clear()
    this.#firsts.length = 0
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
      this.#forget(next)
      next = end + 1
    }
  }

  /** The end of a stretch that was not counted when it was sent. */
  #nextCounted(from: Seq, last: Seq): Seq {
    for (let k = this.#indexOf(from + 1); k < this.#firsts.length && this.#firsts[k]! <= last; k++) {
      if (this.#inFlight.get(this.#firsts[k]!)!.last <= last) return this.#firsts[k]! - 1
    }
    return last
  }

  /** The index of the first counted range that begins at or after a position. */
  #indexOf(seq: Seq): number {
    let low = 0
    let high = this.#firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#firsts[middle]! < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  #remember(range: InFlightRange): void {
    if (!this.#inFlight.has(range.first)) this.#firsts.splice(this.#indexOf(range.first), 0, range.first)
    this.#inFlight.set(range.first, range)
  }

  #forget(first: Seq): void {
    if (this.#inFlight.delete(first)) this.#firsts.splice(this.#indexOf(first), 1)
  }
}
