import type { Seq } from '../../base/reading.ts'
import { STEP_MS } from './clock-limits.ts'

/**
 * An arrival may be this much earlier than its commit (ms), because publishes wait for a slow disk, and this much later,
 * because clocks are read one after the other.
 */
const WAITED_MS_MAX = 120_000
const LATER_MS_MAX = 5_000
/** With more steps, the oldest are merged: their readings may then count as younger than they are, and stay longer. */
export const STEPS_MAX = 1_000

/** From position `first` on, stored arrival times are ahead of the store clock by `offset` (ms). */
export interface ClockOffset {
  readonly first: Seq
  readonly offset: number
  /** No reading up to the next entry arrived later than this by the store clock (UTC ms); undefined: no such limit. */
  readonly latest: number | undefined
  /** Whether the store clock was known to be right; if not, a later correction applies to these readings too. */
  readonly settled: boolean
  /** The store clock when the entry began (UTC ms). */
  readonly at: number
}

/** From position `first` on, the system clock was not set back: arrivals of one run can be compared. */
export interface ClockRunStart {
  readonly first: Seq
  readonly run: number
}

/**
 * By how much stored arrival times differ from the store clock. The arrival of a reading is stored as the system clock
 * showed it, and the system clock may be wrong; this list makes it a time of the store clock, by which readings age.
 * It never makes a reading older than it is.
 */
export class ClockSteps {
  #all: ClockOffset[] = []
  /** The offset of the newest entry (ms): asked for every message. */
  #offset = 0

  /** @param all in ascending position; the first entry applies to all positions before the second. */
  constructor(all: readonly ClockOffset[]) {
    this.#set([...all])
  }

  get all(): readonly ClockOffset[] {
    return this.#all
  }

  /** The offset of the newest readings (ms). */
  get offset(): number {
    return this.#offset
  }

  /**
   * Whether a reading that is committed at `now` (store clock, UTC ms) needs a new entry: its arrival does not fit the
   * present offset.
   */
  isForeign(arrival: number, now: number): boolean {
    const aheadMs = arrival - this.#offset - now
    return aheadMs > LATER_MS_MAX || aheadMs < -WAITED_MS_MAX
  }

  /** Adds an entry for readings from `first` on; see `ClockOffset`. */
  begin(first: Seq, offset: number, { settled, at }: Pick<ClockOffset, 'settled' | 'at'>): void {
    if (this.#all.at(-1)?.first === first) this.#all.pop()
    this.#all.push({ first, offset, latest: undefined, settled, at })
    if (this.#all.length > STEPS_MAX) this.#mergeOldest()
    this.#set(this.#all)
  }

  /**
   * The store clock was corrected by `byMs`, to `now` (UTC ms). The arrival of readings
   * since it was last known to be right moves by the same time. The other readings arrived while it was right; but not
   * later than now, unless an earlier correction back was wrong.
   */
  correct(byMs: number, now: number): void {
    const corrected = this.#all.map((entry) => {
      const { latest } = entry
      const moved = latest === undefined ? undefined : latest + byMs
      if (!entry.settled) return { ...entry, latest: moved, offset: entry.offset - byMs, at: entry.at + byMs }
      return { ...entry, latest: byMs < 0 ? Math.min(now, latest ?? Infinity) : moved }
    })
    this.#set(corrected)
  }

  /** Since when the store clock may be wrong (UTC ms of itself); undefined: it is known to be right. */
  get unsettledSince(): number | undefined {
    const times = this.#all.filter(({ settled }) => !settled).map(({ at }) => at)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** The bounds that corrections back have set (UTC ms). */
  get bounds(): number[] {
    const bounds = this.#all.map(({ latest }) => latest).filter((latest) => latest !== undefined)
    return [...new Set(bounds)]
  }

  /** The last position from `first` on whose arrival a later correction moves by as much as that of `first`. */
  movesAlikeUntil(first: Seq): Seq {
    const from = this.#indexOf(first)
    const settled = this.#all[from]?.settled
    const other = this.#all.find((entry, i) => i > from && entry.settled !== settled)
    return other === undefined ? Infinity : other.first - 1
  }

  /**
   * The runs of the system clock up to a position, ascending: it was set back between them. The last one is the present
   * run, unless the system clock was set back since.
   */
  runs(lastSeq: Seq, present: { readonly offset: number; readonly run: number }): ClockRunStart[] {
    const stored = this.#all.filter(({ first }, i) => i === 0 || first <= lastSeq)
    const begins = stored.filter(({ offset }, i) => i === 0 || offset < stored[i - 1]!.offset - STEP_MS)
    const isOver = present.offset < (stored.at(-1)?.offset ?? 0) - STEP_MS
    const last = present.run - Number(isOver)
    return begins.map(({ first }, i) => ({ first, run: last + i + 1 - begins.length }))
  }

  /** The readings after this position were not stored: their entries are removed. */
  forgetAfter(lastSeq: Seq): void {
    this.#set(this.#all.filter(({ first }, i) => i === 0 || first <= lastSeq + 1))
  }

  /** Later corrections do not apply to the readings that are stored now. */
  settle(): void {
    this.#all = this.#all.map((entry) => (entry.settled ? entry : { ...entry, settled: true }))
  }

  /** Forgets entries that no stored reading needs: those before the one that holds for position `first`. */
  forgetBefore(first: Seq): void {
    const at = this.#indexOf(first)
    if (at > 0) this.#all = this.#all.slice(at)
  }

  /** When a reading arrived, by the store clock (UTC ms). @param arrival as stored */
  timeOf(seq: Seq, arrival: number): number {
    const { offset = 0, latest = Infinity } = this.#all[this.#indexOf(seq)] ?? {}
    return Math.min(arrival - offset, latest)
  }

  #set(all: ClockOffset[]): void {
    this.#all = all
    this.#offset = all.at(-1)?.offset ?? 0
  }

  #indexOf(seq: Seq): number {
    let low = 0
    let high = this.#all.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#all[middle]!.first <= seq) low = middle
      else high = middle - 1
    }
    return low
  }

  #mergeOldest(): void {
    const [a, b] = this.#all.splice(0, 2) as [ClockOffset, ClockOffset]
    const latest = a.latest === undefined || b.latest === undefined ? undefined : Math.max(a.latest, b.latest)
    const settled = a.settled && b.settled
    this.#all.unshift({ first: a.first, offset: Math.min(a.offset, b.offset), latest, settled, at: a.at })
  }
}
