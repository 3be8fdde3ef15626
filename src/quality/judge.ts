import { Reason } from '../base/flags.ts'
import { pattern } from '../base/pattern.ts'
import {
  type Amendment,
  type Seq,
  type StoredReading,
  type Value,
  type ValueType,
  type Verdict,
  valueType,
} from '../base/reading.ts'
import { type QualityRule, qualityRule } from '../settings/schema/quality.ts'
import { Draft } from './draft.ts'
import { RangeCheck } from './range.ts'
import { judgeTime, NEVER, OUT_OF_ORDER, type TimeLimits, type Times } from './timing.ts'
import { Windows } from './windows.ts'

/** A reading about to be stored. `device` and `metric` are looked at only when the series is new to the judge. */
export interface JudgeInput extends Times {
  readonly seq: Seq
  readonly device: string
  readonly metric: string
  /** Type of the series so far; undefined if it has none yet. A type in the rule goes before it. */
  readonly type: ValueType | undefined
  readonly value: Value
  /** What the device itself says; the verdict never comes out better. */
  readonly claim: Verdict | undefined
}

/** A reading as it was stored, with the verdict that it has by now. */
export type ReplayInput = Omit<StoredReading, 'unit'>

/** What a rule means for every series it fits. */
interface Rule {
  readonly settings: QualityRule
  readonly matches: (name: string) => boolean
  readonly range: RangeCheck | undefined
  readonly limits: TimeLimits
}

interface Series {
  readonly rule: Rule
  readonly windows: Windows | undefined
  /** Time of the latest reading in order. */
  lastTs: number
}

/** A worse verdict of an earlier reading of a series (the caller's number for it). */
export interface SeriesAmendment extends Amendment {
  readonly series: number
}

const NO_AMENDMENTS: readonly SeriesAmendment[] = Object.freeze([])

/**
 * Gives each reading its verdict, in the order of the log. A verdict depends on the readings before it and on the
 * times handed in, on nothing else. Bounded: 100 bytes a series without windows, 2,200 with all of them, and as many
 * amendments as readings since the last `takeAmendments`.
 *
 * What it learns from a reading it cannot unlearn: when a commit fails, make a new judge and replay the log.
 */
export class Judge {
  readonly #rules: readonly Rule[]
  readonly #unruled: Rule
  readonly #series: (Series | undefined)[] = []
  readonly #draft = new Draft()
  #amendments: SeriesAmendment[] = []

  /** The first rule whose `match` fits `device/metric` applies; without one, type and time are checked. */
  constructor(rules: readonly QualityRule[]) {
    this.#rules = rules.map(compile)
    this.#unruled = compile(qualityRule.parse({ match: '*' }))
  }

  /**
   * Called once for each reading, in the order of `seq`. `series`: small dense number of `device/metric`.
   * A good reading gets the shared GOOD.
   */
  judge(series: number, input: JudgeInput): Verdict {
    const state = this.#series[series] ?? this.#open(series, input)
    const { rule } = state
    const { claim } = input
    const draft = this.#draft
    draft.begin(1, 0)
    if (claim !== undefined) draft.lower(claim.quality, claim.reasons)
    judgeTime(draft, input, state.lastTs, rule.limits)
    judgeValue(draft, input, rule)
    const amendment = observe(state, draft, input)
    if (amendment !== undefined) this.#amendments.push({ ...amendment, series })
    return draft.verdict()
  }

  /**
   * Rebuilds at start what earlier readings left behind: as `judge`, in the same order, without verdict or amendment.
   * The stored verdict tells what the reading was to the windows, so no time of arrival is needed, and it is what a
   * later amendment adds to. From the whole log the state is exactly that of the judge before; `replayMs` is enough
   * for every window to be full again.
   */
  replay(series: number, stored: ReplayInput): void {
    const state = this.#series[series] ?? this.#open(series, stored)
    this.#draft.begin(stored.quality, stored.reasons)
    observe(state, this.#draft, stored)
    state.windows?.settle(stored.seq, stored)
  }

  /**
   * How far back the windows of these rules look, in milliseconds of a series' own time. Besides, order and gap need
   * the latest reading of each series, spike the latest two.
   */
  get replayMs(): number {
    return Math.max(0, ...this.#rules.map(({ settings }) => reachMs(settings)))
  }

  /**
   * Worse verdicts of earlier readings since the last take, in the order of their finding. A reading may belong to the
   * commit at work: append first, then amend.
   */
  takeAmendments(): readonly SeriesAmendment[] {
    if (this.#amendments.length === 0) return NO_AMENDMENTS
    const taken = this.#amendments
    this.#amendments = []
    return taken
  }

  #open(series: number, { device, metric }: { readonly device: string; readonly metric: string }): Series {
    const name = `${device}/${metric}`
    const rule = this.#rules.find(({ matches }) => matches(name)) ?? this.#unruled
    const opened: Series = { rule, windows: Windows.of(rule.settings), lastTs: NEVER }
    this.#series[series] = opened
    return opened
  }
}

function judgeValue(draft: Draft, { value, claim, type }: JudgeInput, { settings, range }: Rule): void {
  if (value === null || claim?.quality === 9) {
    draft.missing()
  } else if (isForeign(value, settings.type ?? type)) {
    draft.lower(4, Reason.TYPE)
  } else if (typeof value === 'number' && range !== undefined) {
    const flag = range.check(value)
    if (flag !== 1) draft.lower(flag, range.reason(value))
  }
}

/** Takes a reading into the state of its series. The draft's reasons alone tell whether it has a place there. */
function observe(state: Series, draft: Draft, reading: { seq: Seq; ts: number; value: Value }): Amendment | undefined {
  if (draft.has(OUT_OF_ORDER)) return undefined
  const { seq, ts, value } = reading
  const { windows } = state
  if (ts < state.lastTs) windows?.reset()
  state.lastTs = ts
  if (windows === undefined) return undefined
  if (typeof value === 'number' && draft.quality !== 9 && !draft.has(Reason.TYPE)) {
    return windows.take(draft, seq, value, ts)
  }
  windows.skip()
  return undefined
}

function isForeign(value: Value, type: ValueType | undefined): boolean {
  return type !== undefined && valueType(value) !== type
}

function compile(settings: QualityRule): Rule {
  const { futureS, staleS = Infinity, gapS = Infinity } = settings
  return {
    settings,
    matches: pattern(settings.match),
    range: settings.range && new RangeCheck(settings.range),
    limits: { futureMs: futureS * 1000, staleMs: staleS * 1000, gapMs: gapS * 1000 },
  }
}

/** Windows reach a bucket further than their length, and all of them up to the reading before a silence. */
function reachMs({ rate, flat, attenuated, maxGapS }: QualityRule): number {
  const windowS = Math.max(flat?.suspectS ?? 0, flat?.failS ?? 0, attenuated?.windowS ?? 0)
  return Math.max((windowS * 16) / 15 + (windowS > 0 ? maxGapS : 0), rate ? maxGapS : 0) * 1000
}
