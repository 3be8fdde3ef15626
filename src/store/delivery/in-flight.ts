import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'

/** How many readings of each series are in what left under these positions. */
interface InFlightRange extends SeqRange {
  readonly bySeries: ReadonlyMap<number, number>
}

/** Positions on their way, in memory only: after a crash they are simply sent again, and the receiver knows them. */
export class InFlightPositions {
  readonly positions = new SeqSet()
  /** By first position: so that an answer can be booked without reading the readings again. */
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

  /** Forgets what was counted, but not what is on its way. */
  forgetCounts(): void {
    this.#inFlight.clear()
  }

  /** Readings of what left under these very positions; undefined where nobody counted. */
  countOf({ first, last }: SeqRange): number | undefined {
    const inFlight = this.#inFlight.get(first)
    return inFlight?.last === last ? [...inFlight.bySeries.values()].reduce((sum, n) => sum + n, 0) : undefined
  }

  /** Cuts a stretch into what was counted when it left, whole, and the rest. */
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

  /** The end of a stretch that nobody counted when it left. */
  #nextCounted(from: Seq, last: Seq): Seq {
    let end = last
    for (const [first, inFlight] of this.#inFlight) {
      if (first > from && first <= end && inFlight.last <= last) end = first - 1
    }
    return end
  }
}
