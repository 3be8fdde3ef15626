import type { SeqRange } from '../base/reading.ts'
import type { Lane, Sending } from './outbox.ts'

/** Messages of forward routes are answered by the broker alone, so what they tell of the way is about them only. */
export type FlightLane = Lane | 'forward'

/** A message on its way to the far side. Times are monotonic milliseconds. */
export interface Flight extends Sending {
  readonly kind: 'batch' | 'amendments' | 'message'
  readonly lane: FlightLane
  /** Positions, or ids of amendments or of a message. */
  readonly range: SeqRange
  readonly bytes: number
  readonly sentAt: number
  /** Messages of its lane on their way when it left, itself included. */
  readonly inFlight: number
}

/** What left and has no answer yet. */
export class Flights {
  readonly #flights = new Set<Flight>()
  readonly #counts: Record<FlightLane, number> = { live: 0, backfill: 0, forward: 0 }
  #bytes = 0

  get count(): number {
    return this.#flights.size
  }

  get bytes(): number {
    return this.#bytes
  }

  countOf(lane: FlightLane): number {
    return this.#counts[lane]
  }

  /** When the oldest message left; undefined where nothing is on its way. */
  get oldestAt(): number | undefined {
    const [oldest] = this.#flights
    return oldest?.sentAt
  }

  /** Bytes of the largest message of a forward route; 0 where none is on its way. */
  get largestMessage(): number {
    return [...this.#flights].reduce((most, { kind, bytes }) => (kind === 'message' ? Math.max(most, bytes) : most), 0)
  }

  /** The only one that a receiver reads; undefined where there are none or several. */
  get only(): Flight | undefined {
    const [one, ...others] = [...this.#flights].filter(({ kind }) => kind !== 'message')
    return others.length === 0 ? one : undefined
  }

  open(flight: Omit<Flight, 'inFlight'>): Flight {
    this.#counts[flight.lane]++
    this.#bytes += flight.bytes
    const opened = { ...flight, inFlight: this.#counts[flight.lane] }
    this.#flights.add(opened)
    return opened
  }

  /** False: it was closed before. */
  close(flight: Flight): boolean {
    if (!this.#flights.delete(flight)) return false
    this.#counts[flight.lane]--
    this.#bytes -= flight.bytes
    return true
  }

  /**
   * The far side has these positions: closes what left under these names and lies wholly inside, and returns it. The
   * same positions of another epoch, or sent by another run, may be other readings.
   */
  confirm(answer: Sending & Pick<Flight, 'kind'>, ranges: readonly SeqRange[]): Flight[] {
    const closed = this.#of(answer).filter(({ range }) => {
      return ranges.some(({ first, last }) => first <= range.first && range.last <= last)
    })
    for (const flight of closed) this.close(flight)
    return closed
  }

  /** The batch to which a refusal of some positions belongs. */
  holding(answer: Sending, { first, last }: SeqRange): Flight | undefined {
    return this.#of({ ...answer, kind: 'batch' }).find(({ range }) => range.first <= first && last <= range.last)
  }

  #of({ kind, epoch, run }: Sending & Pick<Flight, 'kind'>): Flight[] {
    return [...this.#flights].filter((one) => one.kind === kind && one.epoch === epoch && one.run === run)
  }
}
