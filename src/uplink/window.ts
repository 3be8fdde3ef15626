import type { SeqRange } from '../base/reading.ts'
import type { Sending } from './outbox.ts'

/** A message on its way to the far side. Times are monotonic milliseconds. */
export interface Flight extends Sending {
  readonly kind: 'batch' | 'amendments'
  /** Positions, or ids of amendments. */
  readonly range: SeqRange
  readonly sentAt: number
}

/**
 * What is on its way, and how much may be. It begins with one message and doubles with every confirmed one up to the
 * limit, so that a far side that is away is asked with single messages and not with the whole window again and again.
 */
export class Window {
  readonly #flights = new Set<Flight>()
  readonly #limit: number
  #size = 1

  /** @param limit the lesser of the setting and the broker's Receive Maximum. */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  get inFlight(): number {
    return this.#flights.size
  }

  get hasRoom(): boolean {
    return this.#flights.size < this.#size
  }

  /** When the oldest message left; undefined where nothing is on its way. */
  get oldestAt(): number | undefined {
    let oldest: number | undefined
    for (const { sentAt } of this.#flights) if (oldest === undefined || sentAt < oldest) oldest = sentAt
    return oldest
  }

  open(flight: Flight): void {
    this.#flights.add(flight)
  }

  /**
   * The far side has these positions: closes what left under these names and lies wholly inside. Returns how many
   * messages that were. The same positions of another epoch, or sent by another run, may be other readings.
   */
  confirm({ kind, epoch, run }: Omit<Flight, 'range' | 'sentAt'>, ranges: readonly SeqRange[]): number {
    let closed = 0
    for (const flight of this.#flights) {
      if (flight.kind !== kind || flight.epoch !== epoch || flight.run !== run) continue
      if (!ranges.some(({ first, last }) => first <= flight.range.first && flight.range.last <= last)) continue
      this.#flights.delete(flight)
      closed++
    }
    this.#size = Math.min(this.#limit, this.#size + closed)
    return closed
  }
}
