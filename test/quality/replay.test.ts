import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GOOD, Reason } from '../../src/base/flags.ts'
import type { Value, Verdict } from '../../src/base/reading.ts'
import { Judge, type JudgeInput } from '../../src/quality/judge.ts'
import { input, inputs, judgeAll, rule, stored, T0 } from './feed.ts'

const RULES = [
  rule({
    range: { fail: [0, 10], suspect: [1, 9] },
    spike: { suspect: 2, fail: 4 },
    rate: { suspect: 3, fail: 6 },
    flat: { suspectS: 3, failS: 6, tolerance: 2 },
    attenuated: { windowS: 4, suspect: 3, fail: 1, method: 'std' },
    maxGapS: 20,
    gapS: 10,
    futureS: 30,
    staleS: 60,
  }),
]

const claims: (Verdict | undefined)[] = [
  undefined,
  { quality: 1, reasons: Reason.HISTORICAL },
  { quality: 4, reasons: Reason.DEVICE_FAILURE },
  { quality: 9, reasons: 0 },
  { quality: 4, reasons: Reason.TIME_FUTURE },
  { quality: 4, reasons: Reason.TYPE },
]

/** A series with every kind of problem of values and clocks. */
const problems: fc.Arbitrary<JudgeInput[]> = fc
  .array(
    fc.record({
      step: fc.oneof(
        { arbitrary: fc.integer({ min: 1, max: 3_000 }), weight: 20 },
        { arbitrary: fc.constantFrom(0, -1, -500, -100_000, 12_000, 25_000, 90_000), weight: 4 },
      ),
      delay: fc.oneof({ arbitrary: fc.integer({ min: 0, max: 500 }), weight: 10 }, fc.constantFrom(-40_000, 70_000)),
      value: fc.oneof(
        { arbitrary: fc.integer({ min: -1, max: 11 }), weight: 8 },
        fc.constantFrom<Value>(null, 'error', true, 1000),
      ),
      claim: fc.oneof({ arbitrary: fc.constant(undefined), weight: 8 }, fc.constantFrom(...claims)),
      clockSynced: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, fc.constant(false)),
    }),
    { maxLength: 80, size: 'max' },
  )
  .map((steps) => {
    let ts = T0
    return steps.map(({ step, delay, ...rest }, i) => {
      ts += step
      return input(i + 1, { ...rest, ts, receivedAt: ts + delay })
    })
  })

function replayAll(judge: Judge, readings: readonly JudgeInput[], verdicts: readonly Verdict[], from = 0): void {
  for (let i = from; i < verdicts.length; i++) judge.replay(1, stored(readings[i]!, verdicts[i]!))
}

describe('a judge that replays stored readings', () => {
  it('continues exactly like the judge that judged them on arrival', () => {
    fc.assert(
      fc.property(problems, fc.nat(80), (readings, cut) => {
        const original = new Judge(RULES)
        const { last } = judgeAll(original, readings.slice(0, cut))
        const restarted = new Judge(RULES)
        replayAll(restarted, readings, last)
        for (const reading of readings.slice(cut)) {
          expect(restarted.judge(1, reading)).toEqual(original.judge(1, reading))
          expect(restarted.takeAmendments()).toEqual(original.takeAmendments())
        }
      }),
      { numRuns: 500 },
    )
  })

  it('amends a stored reading only for the spike, even if the rules have changed since', () => {
    const readings = [1, 4.5, 1].map((value, i) => input(i + 1, { value, ts: T0 + i * 500 }))
    const restarted = new Judge(RULES)
    replayAll(restarted, readings, [GOOD, { quality: 1, reasons: Reason.MANUAL }])
    restarted.judge(1, readings[2]!)
    expect(restarted.takeAmendments()).toEqual([
      { series: 1, seq: 2, quality: 3, reasons: Reason.SPIKE | Reason.MANUAL },
    ])
  })

  it('gives no amendments for readings whose neighbours are already stored', () => {
    const judge = new Judge(RULES)
    const readings = inputs([1, 9, 1, 9, 1])
    replayAll(
      judge,
      readings,
      readings.map(() => GOOD),
    )
    expect(judge.takeAmendments()).toEqual([])
  })

  it('reports how far back its windows reach', () => {
    const replayMs = (...settings: object[]) => new Judge(settings.map((one) => rule(one))).replayMs
    expect(replayMs()).toBe(0)
    expect(replayMs({ range: { fail: [0, 1] }, spike: { fail: 1 } })).toBe(0)
    expect(replayMs({ rate: { fail: 1 }, maxGapS: 100 })).toBe(100_000)
    expect(replayMs({ flat: { failS: 150 }, maxGapS: 100 }, { attenuated: { windowS: 15 } })).toBe(3_616_000)
  })
})
