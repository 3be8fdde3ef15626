import type { UplinkStats } from '../dependencies.ts'
import { Probes } from './probes.ts'
import { SentRanges } from './sent-ranges.ts'
import { Silence } from './silence.ts'

/** A finding stays this long after its last occurrence (ms). */
const SHOWN_MS = 3_600_000

/** Counts something that a receiver or a broker should not do. */
export class Oddity {
  #count = 0
  #lastAt = Number.NEGATIVE_INFINITY

  get count(): number {
    return this.#count
  }

  /** Whether it occurred lately. */
  get isRecent(): boolean {
    return performance.now() - this.#lastAt < SHOWN_MS
  }

  /** @returns whether the count reached another power of two, so that a line in the log is worth it */
  add(count = 1): boolean {
    const before = this.#count
    this.#count += count
    this.#lastAt = performance.now()
    return Math.floor(Math.log2(this.#count)) > Math.floor(Math.log2(before))
  }
}

/** What one uplink remembers of its receiver over all connections of this run. */
export class ReceiverRecord {
  readonly sentRanges = new SentRanges()
  /** Readings, and changed verdicts, that the receiver claims to have and that were not sent. */
  readonly unsent = new Oddity()
  /** Readings that the receiver confirmed in too many separate parts: they are not marked. */
  readonly unmarked = new Oddity()
  /** Answers that cannot be decoded. */
  readonly undecodable = new Oddity()
  /** Messages that were refused for good. */
  readonly refused = new Oddity()
  readonly silence = new Silence()
  readonly probes: Probes
  #heldUntil = 0

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.probes = new Probes(random)
  }

  /** The receiver says again, too soon, that this database was set back: no readings are sent for this time (ms). */
  hold(ms: number): void {
    this.#heldUntil = performance.now() + ms
  }

  /** Milliseconds for which no readings are sent. */
  get heldMs(): number {
    return Math.max(0, this.#heldUntil - performance.now())
  }

  get stats(): Pick<UplinkStats, 'refused' | 'unsent' | 'unmarked' | 'undecodable' | 'oddities'> {
    const counts = { unsent: this.unsent.count, unmarked: this.unmarked.count, undecodable: this.undecodable.count }
    return { refused: this.refused.count, ...counts, oddities: this.problems }
  }

  /** The findings, as texts. */
  get problems(): string[] {
    const problems: string[] = []
    if (this.unsent.isRecent) {
      const { count } = this.unsent
      problems.push(
        `the receiver confirmed readings that were not sent (${count} so far; none of them was marked): ` +
          'check its software, or who else can publish to the receipt topic of this edge',
      )
    }
    if (this.unmarked.isRecent) {
      const { count } = this.unmarked
      problems.push(
        `the receiver confirms too many separate parts of what was sent (${count} readings so far were not marked and ` +
          'are sent again): check its software',
      )
    }
    if (this.undecodable.isRecent) {
      const { count } = this.undecodable
      problems.push(`${count} answers of the receiver could not be decoded: check its software and its version`)
    }
    if (this.heldMs > 0) {
      const minutes = Math.ceil(this.heldMs / 60_000)
      problems.push(
        'the receiver says again and again that the database of this edge was set back: ' +
          `no readings are sent for ${minutes} min; check for another edge with the same name`,
      )
    }
    return problems
  }
}
