import { Reason } from '../base/flags.ts'
import { pattern } from '../base/pattern.ts'
import { type Amendment, type Seq, type StoredReading, type Value, type Verdict, valueType } from '../base/reading.ts'
import { type QualityRule, qualityRule } from '../settings/schema/quality.ts'
import { VerdictDraft } from './draft.ts'
import { addKind, alignKind, isLearnt, isOdd, type Kinds, kindsOf, type StoredKind, storedKind } from './kinds.ts'
import { RangeCheck } from './range.ts'
import {
  DEVICE_CLOCK,
  isOutdated,
  judgeTime,
  NEVER,
  OUT_OF_ORDER,
  runOf,
  type TimeLimits,
  type Times,
} from './timing.ts'
import { Windows } from './windows.ts'

/** A reading to be stored. `device` and `metric` are only used for a series that is new to the judge. */
export interface JudgeInput extends Times {
  readonly seq: Seq
  readonly device: string
  readonly metric: string
  /**
   * What is stored of the kind of a series that is new to the judge. The judge then learns from the values (`kinds.ts`).
   * The type in a rule overrides both.
   */
  readonly kind: StoredKind
  readonly value: Value
  /** The quality that the device itself gives; the verdict is never better. */
  readonly claim: Verdict | undefined
}

/** A reading as it is stored, with its current verdict. */
export type ReplayInput = Omit<StoredReading, 'unit'> & Pick<JudgeInput, 'kind' | 'receivedAt' | 'clockRun'>

/** A quality rule, prepared for the series that it matches. */
interface Rule {
  readonly settings: QualityRule
  readonly matches: (name: string) => boolean
  readonly range: RangeCheck | undefined
  readonly limits: TimeLimits
}

interface Series extends Kinds {
  readonly rule: Rule
  readonly windows: Windows | undefined
  /** Time of the latest reading that was in order (UTC milliseconds), and the clock that gave it; see `Latest`. */
  lastTs: number
  lastRun: number
}

/** A worse verdict for an earlier reading of a series. `series` is the number that the caller gave it. */
export interface SeriesAmendment extends Amendment {
  readonly series: number
}

const NO_AMENDMENTS: readonly SeriesAmendment[] = Object.freeze([])

/**
 * Gives each reading its verdict, in the order of the log. A verdict depends only on earlier readings and on the given
 * times. Memory: 160 bytes per series without windows, 2,300 with all of them (800 more while a new series has texts),
 * and at most two amendments for each reading since the last `takeAmendments`.
 *
 * A reading cannot be taken back: if a commit fails, make a new judge and replay the log.
 */
export class Judge {
  readonly #rules: readonly Rule[]
  readonly #unruled: Rule
  readonly #series: (Series | undefined)[] = []
  readonly #draft = new VerdictDraft()
  #amendments: SeriesAmendment[] = []

  /** The first rule whose `match` fits `device/metric` applies; without one, only type and time are checked. */
  constructor(rules: readonly QualityRule[]) {
    this.#rules = rules.map(compile)
    this.#unruled = compile(qualityRule.parse({ match: '*' }))
  }

  /**
   * The verdict of a reading; the shared object GOOD for a good one. Call it once for each reading, in the order of
   * `seq`.
   * @param series small dense number of `device/metric`
   */
  judge(series: number, input: JudgeInput): Verdict {
    const state = this.#series[series] ?? this.#open(series, input)
    const { rule } = state
    const { claim } = input
    const draft = this.#draft
    draft.begin(1, 0)
    if (claim !== undefined) draft.lower(claim.quality, claim.reasons)
    judgeTime(draft, input, state, rule.limits)
    judgeValue(draft, input, state)
    this.#learn(series, state, draft, input)
    const amendment = observe(state, draft, input)
    if (amendment !== undefined) this.#amendments.push({ ...amendment, series })
    return draft.verdict()
  }

  /**
   * Restores the state at start: call it like `judge`, in the same order; it returns no verdict and makes no amendment.
   * The stored verdict says what the windows did with the reading; the time of arrival says only which clock gave the
   * time. Later amendments add to the verdict. A replay of the whole log restores the exact state; a replay of the last
   * `replayMs` fills every window again.
   */
  replay(series: number, stored: ReplayInput): void {
    const state = this.#series[series] ?? this.#open(series, stored)
    this.#draft.begin(stored.quality, stored.reasons)
    if (stored.value !== null && stored.quality !== 9) {
      if (state.rule.settings.type === undefined) alignKind(state, stored.value, stored)
      addKind(state, stored.seq, stored.value, stored)
    }
    observe(state, this.#draft, stored)
    state.windows?.settle(stored.seq, stored)
  }

  /** The kind of a series by its values so far. Undefined: the judge has not seen it. */
  kindOf(series: number): StoredKind | undefined {
    const state = this.#series[series]
    return state && storedKind(state)
  }

  #learn(series: number, state: Series, draft: VerdictDraft, { seq, value }: JudgeInput): void {
    if (value === null || draft.quality === 9 || isLearnt(state, value)) return
    const odd = addKind(state, seq, value, draft)
    if (state.rule.settings.type !== undefined) return
    for (const amendment of odd) this.#amendments.push({ ...amendment, series })
  }

  /** The series does not exist any more. */
  forget(series: number): void {
    if (series < this.#series.length) this.#series[series] = undefined
  }

  /**
   * How far back the windows of these rules reach, in milliseconds of a series' own time. In addition, order and gap
   * need the latest reading of each series, and spike the latest two.
   */
  get replayMs(): number {
    return Math.max(0, ...this.#rules.map(({ settings }) => reachMs(settings)))
  }

  /**
   * Worse verdicts for earlier readings since the last call, in the order in which they were found. A reading may
   * belong to the current commit: append it first, then amend.
   */
  takeAmendments(): readonly SeriesAmendment[] {
    if (this.#amendments.length === 0) return NO_AMENDMENTS
    const taken = this.#amendments
    this.#amendments = []
    return taken
  }

  #open(series: number, { device, metric, kind }: Pick<JudgeInput, 'device' | 'metric' | 'kind'>): Series {
    const name = `${device}/${metric}`
    const rule = this.#rules.find(({ matches }) => matches(name)) ?? this.#unruled
    const opened: Series = {
      rule,
      windows: Windows.of(rule.settings),
      ...kindsOf(kind),
      lastTs: NEVER,
      lastRun: DEVICE_CLOCK,
    }
    this.#series[series] = opened
    return opened
  }
}

function judgeValue(draft: VerdictDraft, { value, claim }: JudgeInput, state: Series): void {
  const { settings, range } = state.rule
  if (value === null || claim?.quality === 9) {
    draft.missing()
  } else if (settings.type === undefined ? isOdd(state, value) : !isOfType(value, settings.type)) {
    draft.lower(4, Reason.TYPE)
  } else if (typeof value === 'number' && range !== undefined) {
    const flag = range.check(value)
    if (flag !== 1) draft.lower(flag, range.reason(value))
  }
}

function isOfType(value: Value, type: QualityRule['type']): boolean {
  return type === 'any' || valueType(value) === type
}

/** Adds a reading to the state of its series, unless the reasons in the draft exclude it. */
function observe(
  state: Series,
  draft: VerdictDraft,
  reading: { seq: Seq; ts: number; value: Value; receivedAt: number; clockRun: number },
): Amendment | undefined {
  const { seq, ts, value } = reading
  if (draft.has(OUT_OF_ORDER) || ts === state.lastTs) return undefined
  const { windows } = state
  if (ts < state.lastTs || isOutdated(state, reading.clockRun)) windows?.reset()
  state.lastTs = ts
  state.lastRun = runOf(reading)
  if (windows === undefined) return undefined
  if (typeof value === 'number' && draft.quality !== 9 && !draft.has(Reason.TYPE)) {
    return windows.take(draft, seq, value, ts)
  }
  windows.skip()
  return undefined
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

/** Windows reach one bucket further than their length, and back to the reading before a silence. */
function reachMs({ rate, flat, attenuated, maxGapS }: QualityRule): number {
  const windowS = Math.max(flat?.suspectS ?? 0, flat?.failS ?? 0, attenuated?.windowS ?? 0)
  return Math.max((windowS * 16) / 15 + (windowS > 0 ? maxGapS : 0), rate ? maxGapS : 0) * 1000
}
