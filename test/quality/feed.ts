import type { Amendment, Quality, Value, Verdict } from '../../src/base/reading.ts'
import type { Judge, JudgeInput, ReplayInput } from '../../src/quality/judge.ts'
import type { StoredKind } from '../../src/quality/kinds.ts'
import { type QualityRule, qualityRule } from '../../src/settings/schema/quality.ts'

/** 2023-11-14T22:13:20Z, in milliseconds. */
export const T0 = 1_700_000_000_000

type RuleText = Parameters<typeof qualityRule.parse>[0] & object

/** A rule for every series, parsed as from the settings file. */
export function rule(settings: RuleText): QualityRule {
  return qualityRule.parse({ match: '*/*', ...settings })
}

/** A series that has had no value yet. */
export const NEW: StoredKind = { type: undefined, isNew: true }

/** A number of series 1 that arrived without delay; `over` replaces parts of it. */
export function input(seq: number, over: Partial<JudgeInput> = {}): JudgeInput {
  const ts = over.ts ?? T0 + seq * 1000
  return {
    seq,
    device: 'pump',
    metric: 'temperature',
    kind: { type: 'number', isNew: false },
    value: 0,
    ts,
    receivedAt: ts,
    claim: undefined,
    clockSynced: true,
    clockRun: 0,
    ...over,
  }
}

/** Values of one series at equal intervals; seq begins at 1. */
export function inputs(values: readonly Value[], stepMs = 1000): JudgeInput[] {
  return values.map((value, i) => input(i + 1, { value, ts: T0 + i * stepMs }))
}

export interface Outcome {
  /** By index: the first verdict of the judge. */
  readonly first: Verdict[]
  /** By index: the verdict after all amendments. */
  readonly last: Verdict[]
  readonly amendments: Amendment[]
}

/** Judges readings of series 1 and applies the amendments, as a store would. */
export function judgeAll(judge: Judge, readings: readonly JudgeInput[]): Outcome {
  const first = readings.map((reading) => judge.judge(1, reading))
  const amendments = [...judge.takeAmendments()]
  const last = [...first]
  for (const { seq, quality, reasons } of amendments) {
    last[readings.findIndex((reading) => reading.seq === seq)] = { quality, reasons }
  }
  return { first, last, amendments }
}

export function stored(reading: JudgeInput, { quality, reasons }: Verdict): ReplayInput {
  const { seq, device, metric, kind, value, ts, receivedAt, clockRun } = reading
  return { seq, device, metric, kind, value, ts, receivedAt, clockRun, quality, reasons }
}

export function qualities(verdicts: readonly Verdict[]): Quality[] {
  return verdicts.map(({ quality }) => quality)
}
