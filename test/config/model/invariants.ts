/** The guarantees that hold in every schedule, by number. B, L and R are the base, the local and the remote config. */
export const INVARIANTS = {
  1: 'once quiet: edge = cloud = retained desired = retained head',
  2: 'a revision and its hash identify one content',
  3: 'counters never decrease and never repeat',
  4: 'the edge fast-forwards only to descendants',
  5: 'the cloud accepts only descendants',
  6: 'a merge uses the true ancestor, or is two-way because the ancestor is unknown',
  7: 'no value is lost without a log entry',
  8: 'a replayed message changes nothing',
  9: 'messages in any order and repetition lead to one final state',
  10: 'clocks influence only which side wins under lww',
  11: 'the merge is mirror-symmetric',
  12: 'merge(B,L,B) = L, merge(B,B,R) = R, merge(B,X,X) = X',
  13: 'a merge result without a conflict has only values from B, L and R',
  14: 'a device has at most one open conflict, with a stable cid',
  15: 'closing a conflict publishes one revision that dominates both sides',
  16: 'an older message never undoes a tombstone',
  17: 'the config retained on the local broker is the committed one',
  18: 'a config counts as applied only after the device answered with its hash',
  19: 'at most 6 messages per device and side until quiet',
  20: 'all limits hold',
  21: 'a device that needs attention blocks no other device',
  22: 'malformed input changes only a counter',
  23: 'a crash at any point leaves the state before or after the step',
  24: 'the messages of simple clouds never fast-forward over unacknowledged edits',
} as const
export type Invariant = keyof typeof INVARIANTS

/** An invariant that does not hold. */
export class Violation extends Error {
  readonly invariant: Invariant

  constructor(invariant: Invariant, detail: string) {
    super(`invariant ${invariant} (${INVARIANTS[invariant]}) does not hold: ${detail}`)
    this.invariant = invariant
  }
}

/** Counts how often each invariant was checked: a schedule that never checks an invariant proves nothing about it. */
export class Checks {
  readonly counts = new Map<Invariant, number>()
  /** Invariants that are not checked because they need not hold in this schedule. */
  readonly waived: ReadonlySet<Invariant>

  constructor(waived: readonly Invariant[] = []) {
    this.waived = new Set(waived)
  }

  check(invariant: Invariant, holds: boolean, detail: () => string): void {
    if (this.waived.has(invariant)) return
    this.counts.set(invariant, (this.counts.get(invariant) ?? 0) + 1)
    if (!holds) throw new Violation(invariant, detail())
  }
}
