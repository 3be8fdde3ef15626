import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'

/** How many readings of each series are in what left under these positions. */
interface Flight extends SeqRange {
  readonly bySeries: ReadonlyMap<number, number>
}

/** Positions on their way, in memory only: after a crash they are simply sent again, and the receiver knows them. */
export class Flights {
  readonly positions = new SeqSet()
  /** By first position: so that an answer can be booked without reading the readings again. */
  readonly #flights = new Map<Seq, Flight>()

  open({ first, last }: SeqRange, bySeries: Flight['bySeries'] | undefined): void {
    this.positions.add({ first, last })
    if (bySeries !== undefined) this.#flights.set(first, { first, last, bySeries })
  }

  release(range: SeqRange): void {
    this.positions.remove(range)
    this.#flights.delete(range.first)
  }

  clear(): void {
    this.positions.clear()
    this.#flights.clear()
  }

  /** Forgets what was counted, but not what is on its way. */
  forgetCounts(): void {
    this.#flights.clear()
  }

  /** Readings of what left under these very positions; undefined where nobody counted. */
  countOf({ first, last }: SeqRange): number | undefined {
    const flight = this.#flights.get(first)
    return flight?.last === last ? [...flight.bySeries.values()].reduce((sum, n) => sum + n, 0) : undefined
  }

  /** Cuts a stretch into what was counted when it left, whole, and the rest. */
  *parts({
    first,
    last,
  }: SeqRange): Generator<{ readonly range: SeqRange; readonly bySeries: Flight['bySeries'] | undefined }> {
    for (let next = first; next <= last; ) {
      const flight = this.#flights.get(next)
      const known = flight !== undefined && flight.last <= last
      const end = known ? flight.last : this.#nextCounted(next, last)
      yield { range: { first: next, last: end }, bySeries: known ? flight.bySeries : undefined }
      this.#flights.delete(next)
      next = end + 1
    }
  }

  /** The end of a stretch that nobody counted when it left. */
  #nextCounted(from: Seq, last: Seq): Seq {
    let end = last
    for (const [first, flight] of this.#flights) {
      if (first > from && first <= end && flight.last <= last) end = first - 1
    }
    return end
  }
}
