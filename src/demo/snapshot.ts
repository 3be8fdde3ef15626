/** The running demo at one moment. Readings are counted since the start of this run, except `waiting`. */
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
  /** What a person should look at; empty when all is well. */
  readonly problems: readonly string[]
}

/** Readings per second that the edge stored, and that the cloud confirmed. */
export interface Rates {
  readonly inPerS: number
  readonly outPerS: number
}

/** Rates are means over so long: a backlog that drains within a second is still seen. */
const WINDOW_MS = 2_000

/** Makes rates of the latest snapshots. */
export class RateMeter {
  readonly #recent: Snapshot[] = []

  /** Takes the next snapshot, and tells the rates up to it; 0 for the first. */
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
