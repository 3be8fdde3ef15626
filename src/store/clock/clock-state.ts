/** What the system clock and other clocks show at one moment. */
export interface ClockFacts {
  /** The system clock, UTC ms. */
  readonly system: number
  /** Whether the system says that its clock is synchronised (NTP, PTP); undefined: it does not say. */
  readonly synchronised: boolean | undefined
  /** The clock of the receiver, UTC ms, as it was at `elapsed` (ms of the elapsed clock). */
  readonly reference?: { readonly at: number; readonly elapsed: number } | undefined
}

/** A step of the system clock against the elapsed time. */
export interface ClockStep {
  /** By how much the system clock was set; negative: back. */
  readonly byMs: number
  /** When it was noticed, and when it was over (UTC ms of the store clock); undefined: it is not over. */
  readonly at: number
  readonly endedAt: number | undefined
  /** An operator has rejected it: the system clock is known to be wrong. */
  readonly rejected: boolean
}

/** The state that is kept across restarts. */
export interface SavedClock {
  /** The store clock (UTC ms) at `elapsed` ms of the elapsed clock of this `boot`. */
  readonly time: number
  readonly elapsed: number
  readonly boot: string | undefined
  readonly offset: number
  /** Confirmed in this boot. */
  readonly confirmed: boolean
  /** Confirmed in this boot by a synchronised system clock, or by an operator; undefined: as `confirmed`. */
  readonly proven?: boolean
  /** Confirmed in any boot. */
  readonly everConfirmed: boolean
  /** Sum of all corrections (ms). */
  readonly corrected?: number
  readonly step: ClockStep | undefined
}

/** `byMs`: by how much the store clock was corrected. `confirmed`: it is known to be right from here on. */
export interface ClockChange {
  readonly byMs: number
  readonly confirmed: boolean
}

/** Both bounds are inclusive, UTC ms. */
export interface TrustedTimes {
  readonly from: number
  readonly to: number
}

export interface ClockStatus {
  /** UTC ms. */
  readonly time: number
  /** System clock minus store clock (ms), as last observed. */
  readonly systemAheadMs: number
  readonly synchronised: boolean | undefined
  /** Whether a synchronised system clock, the receiver or an operator has confirmed the time since the machine started. */
  readonly confirmed: boolean
  /** Whether the system clock is believed: readings that arrive meanwhile carry no CLOCK_UNSYNCED. */
  readonly trusted: boolean
  readonly step: ClockStep | undefined
  /** Receiver's clock minus system clock (ms), if they do not agree and nothing says which of them is right. */
  readonly contradictedMs: number | undefined
  /** Nothing is removed by age. */
  readonly holdsRemoval: boolean
}
