/** The state of the running demo. Readings are counted since the start of this run, except `waiting`. */
export interface Snapshot {
  readonly upMs: number
  /** Acknowledged to the devices. */
  readonly taken: number
  readonly stored: number
  readonly confirmed: number
  /** Stored and not confirmed by the cloud: the backlog. */
  readonly waiting: number
  readonly rejected: number
  readonly duplicates: number
  readonly quality: Readonly<Record<'good' | 'uncertain' | 'bad', number>>
  /** Milliseconds since the cloud was cut; undefined while it is up. */
  readonly cutMs: number | undefined
  /** Health problems of the edge; empty: it is healthy. */
  readonly problems: readonly string[]
}

/** Readings per second that the edge has stored, and that the cloud has confirmed. */
export interface Rates {
  readonly inPerS: number
  readonly outPerS: number
}

/** Rates are averages over this time (milliseconds), so a backlog that drains within a second is still visible. */
const WINDOW_MS = 2_000

/** Computes rates from the latest snapshots. */
export class RateMeter {
  readonly #recent: Snapshot[] = []

  /** Adds a snapshot and returns the rates up to it; 0 for the first. */
  take(snapshot: Snapshot): Rates {
    const recent = this.#recent
    recent.push(snapshot)
    while (recent.length > 2 && snapshot.upMs - recent[1]!.upMs >= WINDOW_MS) recent.shift()
    const from = recent[0]!
    const seconds = (snapshot.upMs - from.upMs) / 1_000
    if (seconds <= 0) return { inPerS: 0, outPerS: 0 }
    return {
      inPerS: (snapshot.stored - from.stored) / seconds,
      outPerS: (snapshot.confirmed - from.confirmed) / seconds,
    }
  }
}
