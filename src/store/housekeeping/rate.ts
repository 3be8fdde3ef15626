const HOUR_MS = 3_600_000
/** The rate covers about the last quarter of an hour. */
const HALF_LIFE_MS = 600_000
/** Assumed until some readings are sealed. */
const BYTES_PER_READING = 8

/** Rate at which readings arrive, weighted towards the present. */
export class Rate {
  #perMs = 0
  #weight = 0
  #count: number | undefined
  #at = 0

  /** @param count readings that ever arrived, at this time (ms, monotonic). */
  observe(count: number, at: number): void {
    const ms = at - this.#at
    if (this.#count !== undefined && ms > 0) {
      const kept = 0.5 ** (ms / HALF_LIFE_MS)
      this.#perMs = this.#perMs * kept + ((count - this.#count) / ms) * (1 - kept)
      this.#weight = this.#weight * kept + (1 - kept)
    }
    this.#count = count
    this.#at = at
  }

  /** Readings per hour; undefined before the second observation. */
  get perHour(): number | undefined {
    return this.#weight === 0 ? undefined : (this.#perMs / this.#weight) * HOUR_MS
  }
}

/** Average bytes of a sealed reading. */
export function bytesPerReading(sealed: { readonly bytes: number; readonly readings: number }): number {
  return sealed.readings === 0 ? BYTES_PER_READING : Math.max(0.1, sealed.bytes / sealed.readings)
}

/**
 * Hours until the room is filled at the present rate, if nothing is confirmed meanwhile; undefined: no readings arrive.
 * Readings that every uplink has may be removed for new ones, so they count as room.
 */
export function hoursLeft(facts: {
  readonly roomBytes: number
  readonly removableReadings: number
  readonly bytesPerReading: number
  readonly readingsPerHour: number | undefined
}): number | undefined {
  const { roomBytes, removableReadings, readingsPerHour } = facts
  if (readingsPerHour === undefined || readingsPerHour <= 0) return undefined
  return (roomBytes / facts.bytesPerReading + removableReadings) / readingsPerHour
}
