/** What holds in every schedule; the numbers are those of src/config/README.md. */
export const INVARIANTS = {
  1: 'quiet: edge = cloud = retained desired = retained head',
  2: 'a revision and its hash name one content',
  3: 'counters never fall and never repeat',
  4: 'fast-forward only onto descendants',
  5: 'the cloud accepts only descendants',
  6: 'the ancestor is the true one, or unknown and the merge two-way',
  7: 'no value is lost silently',
  8: 'a replay changes nothing',
  9: 'any order and repetition gives one final state',
  10: 'clocks change only who wins under lww',
  11: 'the merge is mirror-symmetric',
  12: 'merge(B,L,B) = L, merge(B,B,R) = R, merge(B,X,X) = X',
  13: 'a clean result holds only values from B, L and R',
  14: 'at most one open conflict a device, with a stable cid',
  15: 'closing a conflict publishes one revision that dominates both sides',
  16: 'a tombstone is never undone by an older message',
  17: 'local retained = committed config',
  18: 'applied only by an answer of the device with that hash',
  19: 'at most 6 messages a device and side until quiet',
  20: 'bounds hold',
  21: 'a device that needs attention blocks nobody else',
  22: 'malformed input changes only a counter',
  23: 'a crash anywhere is before or after',
  24: 'degraded forms never fast-forward over unacknowledged edits',
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

/** Counts how often each invariant was looked at: one that is never looked at proves nothing. */
export class Checks {
  readonly counts = new Map<Invariant, number>()
  /** Invariants that a schedule does not promise. */
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
