import type { StoreSettings } from '../base/settings.ts'
import type { Bench, Packing, Task } from './bench.ts'
import { clearOrphans, Merging, mergeable } from './merging.ts'
import { clearLog, Sealing } from './sealing.ts'
import type { Seal } from './seals.ts'
import type { OverlaidVerdict } from './verdicts.ts'

/** A stretch is at most so many times `sealRows`, where that gives each series more than a few readings. */
const STRETCH_FACTOR_MAX = 4
/** Readings of each series that a stretch should have in the mean. */
const READINGS_PER_SERIES = 32
/** While publishes keep the thread busy, the log may grow to so many stretches before housekeeping takes its share. */
const BUSY_STRETCHES = 8

export interface Situation {
  readonly lastSeq: number
  readonly seriesCount: number
  /** UTC ms. */
  readonly now: number
  /** Arrival (UTC ms) of the oldest reading in the log. */
  readonly oldestAt: () => number | undefined
}

/**
 * What is done when nobody waits: the log is sealed, seals are merged, left-overs of a crash cleared. One task at a
 * time, in slices; a task that fails is dropped, and begins anew later.
 */
export class Housekeeping {
  readonly #bench: Bench
  readonly #settings: Pick<StoreSettings, 'sealRows' | 'sealAgeMs'>
  #task: Task | undefined
  #packing: Packing | undefined
  /** After a crash, or a task that failed. */
  #leftOvers = true

  constructor(bench: Bench, settings: Pick<StoreSettings, 'sealRows' | 'sealAgeMs'>) {
    this.#bench = bench
    this.#settings = settings
  }

  /** A verdict is changed in the transaction at work. */
  amended(verdict: OverlaidVerdict): void {
    this.#packing?.amended(verdict)
  }

  /** After a transaction that failed: what the task has learnt may never have been. */
  abandon(): void {
    this.#task = undefined
    this.#packing = undefined
    this.#leftOvers = true
  }

  /**
   * Does one slice. @param busy publishes are waiting: only what must not wait is done.
   * @returns whether there is more to do at once. @throws what the disk throws; then the task is dropped.
   */
  step(situation: Situation, busy: boolean): boolean {
    if (this.#task === undefined && !this.#begin(situation, busy)) return false
    const { done } = this.#task!.next()
    if (done === true) {
      this.#task = undefined
      this.#packing = undefined
    }
    return true
  }

  #begin(situation: Situation, busy: boolean): boolean {
    const stretch = this.#stretch(situation)
    if (stretch !== undefined && (!busy || stretch.stretches >= BUSY_STRETCHES)) {
      this.#pack(new Sealing(this.#bench, stretch.last))
    } else if (busy) {
      return false
    } else if (this.#leftOvers) {
      this.#task = this.#clear()
    } else {
      const seals = mergeable(this.#bench.seals.all, (seal) => this.isConfirmed(seal))
      if (seals === undefined) return false
      this.#pack(new Merging(this.#bench, seals))
    }
    return true
  }

  #pack(packing: Packing): void {
    this.#packing = packing
    this.#task = packing.run()
  }

  *#clear(): Task {
    const { database, seals } = this.#bench
    yield* clearLog(database, seals.sealedUpTo, (work) => this.#bench.write(work))
    yield* clearOrphans(this.#bench)
    this.#leftOvers = false
  }

  /** The next stretch of the log that is worth sealing. */
  #stretch({ lastSeq, seriesCount, now, oldestAt }: Situation): { last: number; stretches: number } | undefined {
    const { sealRows, sealAgeMs } = this.#settings
    const rows = lastSeq - this.#bench.seals.sealedUpTo
    if (rows === 0) return undefined
    const wanted = Math.min(STRETCH_FACTOR_MAX * sealRows, Math.max(sealRows, READINGS_PER_SERIES * seriesCount))
    if (rows < wanted && !(now - (oldestAt() ?? now) >= sealAgeMs)) return undefined
    return { last: this.#bench.seals.sealedUpTo + Math.min(rows, wanted), stretches: rows / wanted }
  }

  /** Whether every uplink has all of a seal, or needs it no more. */
  isConfirmed({ first, last }: Seal): boolean {
    return this.#bench.outboxes.every(({ settled }) => (settled.around(first)?.last ?? 0) >= last)
  }
}
