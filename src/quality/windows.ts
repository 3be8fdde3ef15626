import { combine, Reason } from '../base/flags.ts'
import type { Amendment, Quality, Seq, Verdict } from '../base/reading.ts'
import type { QualityRule } from '../settings/schema/quality.ts'
import { AttenuatedCheck } from './attenuated.ts'
import type { VerdictDraft } from './draft.ts'
import { FlatCheck } from './flat.ts'
import { RateCheck } from './rate.ts'
import { SpikeCheck } from './spike.ts'

const NO_SEQ: Seq = -1

/**
 * The checks of one series that compare a value with earlier ones. Each check gets every number that is in order, also
 * one that another check flags as bad: checks are independent, and their flags are only combined in the roll-up.
 * About 2,100 bytes per series (flat and attenuated 800 each), whatever the number of readings.
 */
export class Windows {
  readonly #spike: SpikeCheck | undefined
  readonly #rate: RateCheck | undefined
  readonly #flat: FlatCheck | undefined
  readonly #attenuated: AttenuatedCheck | undefined
  /** The reading that the spike check judges when the next one arrives, and its verdict until then. */
  #openSeq: Seq = NO_SEQ
  #openQuality: Quality = 1
  #openReasons = 0

  private constructor({ spike, rate, flat, attenuated, maxGapS }: QualityRule) {
    const maxGapMs = maxGapS * 1000
    this.#spike = spike && new SpikeCheck(spike)
    this.#rate = rate && new RateCheck(rate, maxGapMs)
    this.#flat = flat && new FlatCheck(flat, maxGapMs)
    this.#attenuated = attenuated && new AttenuatedCheck(attenuated, maxGapMs)
  }

  /** The windows that a rule needs; undefined: none. */
  static of(rule: QualityRule): Windows | undefined {
    const { spike, rate, flat, attenuated } = rule
    return (spike ?? rate ?? flat ?? attenuated) ? new Windows(rule) : undefined
  }

  /**
   * Adds the next number in order and lowers its draft. Returns the verdict of the number before it if that got worse.
   */
  take(draft: VerdictDraft, seq: Seq, value: number, ts: number): Amendment | undefined {
    lowerBy(draft, this.#rate?.check(value, ts), Reason.RATE)
    lowerBy(draft, this.#flat?.check(value, ts), Reason.FLAT)
    lowerBy(draft, this.#attenuated?.check(value, ts), Reason.ATTENUATED)
    if (this.#spike === undefined) return undefined
    const flag = this.#spike.check(value)
    const amendment = flag === 3 || flag === 4 ? this.#amend(flag) : undefined
    this.#openSeq = seq
    this.#openQuality = draft.quality
    this.#openReasons = draft.reasons
    return amendment
  }

  /** A reading in order without a usable number: neither neighbour can be a spike. The other checks ignore it. */
  skip(): void {
    this.#spike?.reset()
    this.#openSeq = NO_SEQ
  }

  /** Replaces the verdict of the reading that waits for the next one, if it is this one. */
  settle(seq: Seq, { quality, reasons }: Verdict): void {
    if (seq !== this.#openSeq) return
    this.#openQuality = quality
    this.#openReasons = reasons
  }

  reset(): void {
    this.skip()
    this.#rate?.reset()
    this.#flat?.reset()
    this.#attenuated?.reset()
  }

  #amend(flag: 3 | 4): Amendment | undefined {
    const before: Verdict = { quality: this.#openQuality, reasons: this.#openReasons >>> 0 }
    const after = combine(before, { quality: flag, reasons: Reason.SPIKE })
    if (after.quality === before.quality && after.reasons === before.reasons) return undefined
    return { seq: this.#openSeq, quality: after.quality, reasons: after.reasons }
  }
}

/** Flags 1 and 2 add nothing: the roll-up ranks 2 below good, and only suspect and bad need a reason. */
function lowerBy(draft: VerdictDraft, flag: Quality | undefined, reason: number): void {
  if (flag === 3 || flag === 4) draft.lower(flag, reason)
}
