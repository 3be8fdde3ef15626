/** No edge of this version has ever run before 2026: an earlier clock has not been set since the power came. */
const EARLIEST = Date.UTC(2026, 0, 1)

/** A clock that was set back by less is not worth a flag. */
const TOLERANCE_MS = 60_000

/**
 * Whether the edge's own clock can be true. A small box often has no clock that survives a power cut; until NTP has
 * set it, it tells a time that lies before readings which are stored already. Readings that came in at such a time carry
 * CLOCK_UNSYNCED.
 */
export class EdgeClock {
  readonly #floor: number

  /** @param lastStoredAt arrival (UTC ms) of the newest reading that was stored before this start; 0: there is none. */
  constructor(lastStoredAt: number) {
    this.#floor = Math.max(EARLIEST, lastStoredAt - TOLERANCE_MS)
  }

  trusts(now: number): boolean {
    return now >= this.#floor
  }
}
