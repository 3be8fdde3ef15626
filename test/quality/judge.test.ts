import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { combine, GOOD, Reason } from '../../src/base/flags.ts'
import type { Value, Verdict } from '../../src/base/reading.ts'
import { Judge } from '../../src/quality/judge.ts'
import { input, inputs, judgeAll, NEW, qualities, rule, T0 } from './feed.ts'

const claim = (quality: Verdict['quality'], reasons: number): Verdict => ({ quality, reasons })

describe('a judge', () => {
  it('returns the same shared verdict object for every reading that passes', () => {
    const strict = rule({ range: { fail: [0, 10] }, rate: { fail: 5 }, flat: { failS: 60 }, spike: { fail: 5 } })
    for (const rules of [[], [strict]]) {
      const judge = new Judge(rules)
      expect(inputs([1, 2, 3, 4, 3]).every((reading) => judge.judge(1, reading) === GOOD)).toBe(true)
      expect(judge.takeAmendments()).toBe(judge.takeAmendments())
    }
  })

  it('reports which limit a value exceeds, and on which side', () => {
    const judge = new Judge([rule({ range: { fail: [-40, 125], suspect: [-10, 60] } })])
    expect(inputs([-41, -40, -11, -10, 60, 61, 125, 126]).map((reading) => judge.judge(1, reading))).toEqual([
      { quality: 4, reasons: Reason.RANGE_LO },
      { quality: 3, reasons: Reason.WARN_LO },
      { quality: 3, reasons: Reason.WARN_LO },
      GOOD,
      GOOD,
      { quality: 3, reasons: Reason.WARN_HI },
      { quality: 3, reasons: Reason.WARN_HI },
      { quality: 4, reasons: Reason.RANGE_HI },
    ])
  })

  it('gives the failed check as the reason', () => {
    const spike = judgeAll(new Judge([rule({ spike: { suspect: 5 } })]), inputs([0, 9, 0])).last[1]
    const rate = judgeAll(new Judge([rule({ rate: { fail: 5 } })]), inputs([0, 9])).last[1]
    const flat = judgeAll(new Judge([rule({ flat: { suspectS: 2 } })]), inputs([0, 0, 0])).last[2]
    const attenuated = judgeAll(new Judge([rule({ attenuated: { windowS: 2, fail: 1 } })]), inputs([0, 0.1, 0])).last[2]
    expect([spike, rate, flat, attenuated]).toEqual([
      { quality: 3, reasons: Reason.SPIKE },
      { quality: 4, reasons: Reason.RATE },
      { quality: 3, reasons: Reason.FLAT },
      { quality: 4, reasons: Reason.ATTENUATED },
    ])
  })

  it('applies only the first rule that matches', () => {
    const judge = new Judge([
      rule({ match: 'pump/*', range: { fail: [0, 1] } }),
      rule({ match: '*/temperature', range: { suspect: [0, 2] } }),
    ])
    const of = (series: number, device: string, metric: string) =>
      judge.judge(series, input(1, { device, metric, value: 5 }))
    expect(of(1, 'pump', 'temperature').quality).toBe(4)
    expect(of(2, 'valve', 'temperature').quality).toBe(3)
    expect(of(3, 'valve', 'pressure')).toBe(GOOD)
  })

  it('keeps the states of series separate', () => {
    const judge = new Judge([rule({ rate: { fail: 1 }, spike: { fail: 1 } })])
    for (let seq = 1; seq < 20; seq++) expect(judge.judge(seq % 2, input(seq, { value: (seq % 2) * 100 }))).toBe(GOOD)
    expect(judge.takeAmendments()).toEqual([])
  })

  it('judges a text in a series of numbers bad, and compares nothing with it; numbers and booleans go together', () => {
    const judge = new Judge([rule({ rate: { fail: 5 }, spike: { fail: 5 }, range: { fail: [0, 10] } })])
    const { last } = judgeAll(judge, inputs([1, 'error', true, new Uint8Array(1), 1]))
    expect(qualities(last)).toEqual([1, 4, 1, 4, 1])
    expect(last[1]!.reasons).toBe(Reason.TYPE)
    for (const type of ['text', 'boolean'] as const) {
      const other = new Judge([])
      expect(other.judge(2, input(9, { kind: { type, isNew: false }, value: 50 }))).toBe(GOOD)
    }
  })

  it('compares nothing with a number that the device claims to be missing or of the wrong type', () => {
    for (const claimed of [claim(9, Reason.MISSING), claim(4, Reason.TYPE)]) {
      const judge = new Judge([rule({ rate: { fail: 5 }, spike: { fail: 5 }, flat: { failS: 9, tolerance: 3 } })])
      const readings = inputs([1, 2, 900, 8, 8])
      readings[2] = { ...readings[2]!, claim: claimed }
      expect(judgeAll(judge, readings).last).toEqual([GOOD, GOOD, claimed, GOOD, GOOD])
    }
  })

  it('prefers the type of the rule to that of the series, and accepts any type when neither is set', () => {
    const judge = new Judge([rule({ match: 'pump/*', type: 'text' })])
    expect(judge.judge(1, input(1, { value: 'on' }))).toBe(GOOD)
    expect(judge.judge(1, input(2, { value: 1 })).reasons).toBe(Reason.TYPE)
    expect(judge.judge(2, input(3, { device: 'valve', value: true, kind: NEW }))).toBe(GOOD)
  })

  it('applies only the checks of type and time to values that are not numbers', () => {
    const all = { range: { fail: [5, 6] }, rate: { fail: 0 }, flat: { failS: 1 }, spike: { fail: 0 } }
    const of = (values: readonly Value[], type: 'boolean' | 'text') =>
      qualities(judgeAll(new Judge([rule({ ...all, type })]), inputs(values)).last)
    expect(of([true, true, true, false, true], 'boolean')).toEqual([1, 1, 1, 1, 1])
    expect(of(['7', '7', '7', '9', '7'], 'text')).toEqual([1, 1, 1, 1, 1])
  })

  it('judges a reading without a value missing, whatever other reasons it has', () => {
    const judge = new Judge([rule({ range: { fail: [1, 2] } })])
    const late = { ts: T0 - 1000, receivedAt: T0, value: null }
    expect(judge.judge(1, input(1, { value: null }))).toEqual({ quality: 9, reasons: Reason.MISSING })
    const failed = judge.judge(1, input(2, { ...late, claim: claim(4, Reason.DEVICE_FAILURE) }))
    expect(failed).toEqual({ quality: 9, reasons: Reason.MISSING | Reason.DEVICE_FAILURE | Reason.TIME_BACKWARD })
    expect(judge.judge(1, input(3, { value: 7, claim: claim(9, 0) }))).toEqual({ quality: 9, reasons: Reason.MISSING })
  })

  it('never gives a better verdict than the device itself, and keeps its reasons', () => {
    const judge = new Judge([rule({ range: { suspect: [0, 1] } })])
    const of = (seq: number, value: number, claimed: Verdict) => judge.judge(1, input(seq, { value, claim: claimed }))
    expect(of(1, 0, claim(4, Reason.DEVICE_FAILURE))).toEqual(claim(4, Reason.DEVICE_FAILURE))
    expect(of(2, 5, claim(4, Reason.DEVICE_FAILURE))).toEqual(claim(4, Reason.DEVICE_FAILURE | Reason.WARN_HI))
    expect(of(3, 5, claim(1, Reason.MANUAL))).toEqual(claim(3, Reason.MANUAL | Reason.WARN_HI))
    expect(of(4, 0, claim(2, Reason.NOT_EVALUATED))).toEqual(claim(1, Reason.NOT_EVALUATED))
    expect(of(5, 0, claim(1, 0))).toBe(GOOD)
  })

  it('does not blame the good neighbours of a spike, however large it is', () => {
    const judge = new Judge([rule({ spike: { suspect: 3, fail: 8 } })])
    const { last } = judgeAll(judge, inputs([20, 20.5, 999.99, 21, 20.5, -500, 20, 20.5]))
    expect(qualities(last)).toEqual([1, 1, 4, 1, 1, 4, 1, 1])
  })

  it('returns each amendment once, with the full verdict of the earlier reading', () => {
    const judge = new Judge([rule({ spike: { suspect: 5, fail: 50 }, range: { suspect: [0, 5] } })])
    for (const reading of inputs([0, 8, 0])) judge.judge(1, reading)
    expect(judge.takeAmendments()).toEqual([{ series: 1, seq: 2, quality: 3, reasons: Reason.SPIKE | Reason.WARN_HI }])
    expect(judge.takeAmendments()).toEqual([])
    judge.judge(1, input(4, { value: 0 }))
    expect(judge.takeAmendments()).toEqual([])
  })

  it('does not amend a reading for which the device claimed the same', () => {
    const judge = new Judge([rule({ spike: { suspect: 5 } })])
    const claimed = claim(4, Reason.SPIKE)
    const { amendments } = judgeAll(judge, [input(1), input(2, { value: 9, claim: claimed }), input(3)])
    expect(amendments).toEqual([])
  })
})

const values = fc.array(fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(null, 'error', 1000)), {
  maxLength: 60,
  size: 'max',
})

describe('amendments', () => {
  it('only ever make a verdict worse, and each changes something', () => {
    const judgeOf = () => new Judge([rule({ spike: { suspect: 2, fail: 4 }, rate: { suspect: 3 } })])
    fc.assert(
      fc.property(values, (series) => {
        const readings = inputs(series)
        const { first, amendments } = judgeAll(judgeOf(), readings)
        expect(new Set(amendments.map(({ seq }) => seq)).size).toBe(amendments.length)
        for (const { seq, quality, reasons } of amendments) {
          const after = { quality, reasons }
          const before = first[seq - 1]!
          expect(combine(before, after)).toEqual(after)
          expect(after).not.toEqual(before)
        }
      }),
    )
  })
})

describe('the checks of a rule', () => {
  it('are independent: the verdict is the roll-up of their separate verdicts, even with bad values', () => {
    const checks = [
      { range: { fail: [0, 10], suspect: [1, 9] } },
      { spike: { suspect: 2, fail: 4 } },
      { rate: { suspect: 3, fail: 6 } },
      { flat: { suspectS: 3, failS: 6, tolerance: 2 } },
      { attenuated: { windowS: 4, suspect: 3, fail: 1 } },
    ]
    fc.assert(
      fc.property(values, (series) => {
        const readings = inputs(series)
        const whole = judgeAll(new Judge([rule(Object.assign({}, ...checks))]), readings).last
        const alone = checks.map((check) => judgeAll(new Judge([rule(check)]), readings).last)
        whole.forEach((verdict, i) => {
          const rolled = alone.map((verdicts) => verdicts[i]!).reduce(combine)
          expect(verdict).toEqual(verdict.quality === 9 ? alone[0]![i] : rolled)
        })
      }),
    )
  })
})
