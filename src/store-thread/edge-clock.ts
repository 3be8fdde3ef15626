/** This version did not exist before 2026: a clock that shows an earlier time has not been set since power-on. */
const EARLIEST = Date.UTC(2026, 0, 1)

/** A clock may be set back by up to this time without a flag. */
const TOLERANCE_MS = 60_000

/**
 * Checks whether the edge's own clock is plausible. A small device often has no battery-backed clock; until NTP has set
 * it, it shows a time before the arrival of readings that are already stored. Readings that arrive at such a time carry
 * CLOCK_UNSYNCED.
 */
export class EdgeClock {
  readonly #floor: number

  /** @param lastStoredAt arrival (UTC ms) of the newest reading that was stored before this start; 0: none. */
  constructor(lastStoredAt: number) {
    this.#floor = Math.max(EARLIEST, lastStoredAt - TOLERANCE_MS)
  }

  trusts(now: number): boolean {
    return now >= this.#floor
  }
}
