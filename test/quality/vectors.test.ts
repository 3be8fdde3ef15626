/** Vectors of ioos_qc (tests/test_qartod.py), an independent implementation of QARTOD; null is a missing value. */
import { describe, expect, it } from 'vitest'
import type { Quality } from '../../src/base/reading.ts'
import { AttenuatedCheck, type AttenuatedSettings } from '../../src/quality/attenuated.ts'
import { FlatCheck, type FlatSettings } from '../../src/quality/flat.ts'
import { Judge } from '../../src/quality/judge.ts'
import { RangeCheck } from '../../src/quality/range.ts'
import { RateCheck } from '../../src/quality/rate.ts'
import { SpikeCheck, type SpikeSettings } from '../../src/quality/spike.ts'
import { inputs, judgeAll, qualities, rule } from './feed.ts'

type Values = readonly (number | null)[]

const MAX_GAP_MS = 3_600_000
const QUARTER_MS = 900_000

function spikeFlags(values: Values, settings: SpikeSettings): Quality[] {
  const check = new SpikeCheck(settings)
  const flags: Quality[] = values.map((value) => (value === null ? 9 : 2))
  values.forEach((value, i) => {
    if (value === null) check.reset()
    else if (i > 0 && values[i - 1] !== null) flags[i - 1] = check.check(value)
    else check.check(value)
  })
  return flags
}

function timed(values: Values, stepMs: number, check: (value: number, ts: number) => Quality): Quality[] {
  return values.map((value, i) => (value === null ? 9 : check(value, i * stepMs)))
}

function flatFlags(values: Values, stepMs: number, settings: Omit<FlatSettings, 'minSamples'>): Quality[] {
  const check = new FlatCheck({ minSamples: 3, ...settings }, MAX_GAP_MS)
  return timed(values, stepMs, (value, ts) => check.check(value, ts))
}

const RANGE = { fail: [10, 50], suspect: [20, 40] } as const
const RANGE_VALUES = [5, 10, 15, 20, 25, 30, 35, 40, 45, 51]
const RANGE_GAPPY = [null, 10, 15, 20, 25, 30, 35, 40, null, 51, null]
const SPIKE_GAPPY = [10, 12, 999.99, 13, 15, 40, 9, 9, null, 10, 10, 999.99, 10, null]
const A = [3, 4.99, 5, 6, 8, 6, 6, 6.75, 6, 6, 5.3, 6, 6, 9, 5, null, 4, 4]
const RATE_VALUES = [2, 10, 2.1, 3, 4, 5, 7, 10, 0, 2, 2.2, 2, 1, 2, 3, 90, 91, 92, 93, 1, 2, 3, 4, 5]
const FLAT_VALUES = [1, 2, 2.0001, 2, 2.0001, 2, 2.0001, 2, 4, 5, 3, 3.0001, 3.0005, 3.00001]
/** 3000 and 4800 s in ioos_qc, which rounds down to whole periods. */
const FLAT = { suspectS: 2700, failS: 4500, tolerance: 0.01 }

describe('the range check agrees with ioos_qc', () => {
  const check = new RangeCheck(RANGE)

  it('on values inside and outside both ranges, with the limits inside', () => {
    expect(RANGE_VALUES.map((value) => check.check(value))).toEqual([4, 3, 3, 1, 1, 1, 1, 1, 3, 4])
  })

  it('on values next to missing ones, also in the final verdict', () => {
    const expected = [9, 3, 3, 1, 1, 1, 1, 1, 9, 4, 9]
    expect(RANGE_GAPPY.map((value) => (value === null ? 9 : check.check(value)))).toEqual(expected)
    const judge = new Judge([rule({ range: { fail: [10, 50], suspect: [20, 40] } })])
    expect(qualities(judgeAll(judge, inputs(RANGE_GAPPY)).last)).toEqual(expected)
  })
})

describe('the spike check agrees with ioos_qc', () => {
  it('by distance from the mean of the neighbours', () => {
    const values = [10, 12, 999.99, 13, 15, 40, 9, 9]
    const expected = [2, 4, 4, 4, 1, 3, 1, 2]
    const settings = { suspect: 25, fail: 50, method: 'average' } as const
    expect(spikeFlags(values, settings)).toEqual(expected)
    expect(
      spikeFlags(
        values.map((value) => -value),
        settings,
      ),
    ).toEqual(expected)
  })

  it('on missing values, whose neighbours cannot be judged', () => {
    const expected = [2, 4, 4, 4, 1, 3, 1, 2, 9, 2, 4, 4, 2, 9]
    expect(spikeFlags(SPIKE_GAPPY, { suspect: 25, fail: 50, method: 'average' })).toEqual(expected)
  })

  it('on small spikes by both methods', () => {
    const settings = { suspect: 0.5, fail: 1 } as const
    const average = [2, 3, 1, 1, 4, 3, 1, 3, 1, 1, 3, 1, 4, 4, 2, 9, 2, 2]
    const differential = [2, 1, 1, 1, 4, 1, 1, 3, 1, 1, 3, 1, 1, 4, 2, 9, 2, 2]
    const present = [2, 1, 1, 1, 4, 1, 1, 3, 1, 1, 3, 1, 1, 4, 1, 1, 1, 2]
    expect(spikeFlags(A, { ...settings, method: 'average' })).toEqual(average)
    expect(spikeFlags(A, { ...settings, method: 'differential' })).toEqual(differential)
    expect(
      spikeFlags(
        A.map((value) => value ?? 5),
        { ...settings, method: 'differential' },
      ),
    ).toEqual(present)
  })

  it('in the final verdicts, except that a value that cannot be judged stays good', () => {
    const judge = new Judge([rule({ spike: { suspect: 25, fail: 50, method: 'average' } })])
    const expected = [1, 4, 4, 4, 1, 3, 1, 1, 9, 1, 4, 4, 1, 9]
    expect(qualities(judgeAll(judge, inputs(SPIKE_GAPPY)).last)).toEqual(expected)
    const small = new Judge([rule({ spike: { suspect: 0.5, fail: 1, method: 'average' } })])
    const flags = [1, 3, 1, 1, 4, 3, 1, 3, 1, 1, 3, 1, 4, 4, 1, 9, 1, 1]
    expect(qualities(judgeAll(small, inputs(A)).last)).toEqual(flags)
  })
})

describe('the rate check agrees with ioos_qc', () => {
  const suspect = 5 / 15 / 60

  it('on change per second', () => {
    const check = new RateCheck({ suspect }, MAX_GAP_MS)
    const flags = timed(RATE_VALUES, QUARTER_MS, (value, ts) => check.check(value, ts))
    expect(flags).toEqual(RATE_VALUES.map((_, i) => ([1, 2, 8, 15, 19].includes(i) ? 3 : 1)))
    const { last } = judgeAll(new Judge([rule({ rate: { suspect } })]), inputs(RATE_VALUES, QUARTER_MS))
    expect(qualities(last)).toEqual(flags)
  })

  it('across missing values', () => {
    const check = new RateCheck({ suspect }, MAX_GAP_MS)
    const flags = timed([2, 10, 2, 3, null, null, 7, 10], QUARTER_MS, (value, ts) => check.check(value, ts))
    expect(flags).toEqual([1, 3, 3, 1, 9, 9, 1, 1])
  })
})

describe('the flat line check agrees with ioos_qc', () => {
  const expected = [1, 1, 1, 1, 3, 3, 4, 4, 1, 1, 1, 1, 1, 3]

  it('on values within the tolerance', () => {
    expect(flatFlags(FLAT_VALUES, QUARTER_MS, FLAT)).toEqual(expected)
    expect(
      flatFlags(
        FLAT_VALUES.map((value) => -value),
        QUARTER_MS,
        FLAT,
      ),
    ).toEqual(expected)
    expect(flatFlags(FLAT_VALUES.slice(1), QUARTER_MS, FLAT)).toEqual([1, 1, 1, 3, 3, 4, 4, 1, 1, 1, 1, 1, 3])
    const { last } = judgeAll(new Judge([rule({ flat: FLAT })]), inputs(FLAT_VALUES, QUARTER_MS))
    expect(qualities(last)).toEqual(expected)
  })

  it('when a spike ends one flat run and the return begins another', () => {
    const flags = flatFlags([1, 1, 1, 1, 1, 6, 5, 4, 3, 2], 1000, { suspectS: 3, failS: 6, tolerance: 4 })
    expect(flags).toEqual([1, 1, 1, 3, 3, 1, 1, 1, 3, 3])
  })

  it('from the first value on', () => {
    const flags = flatFlags([5, 5, 5, 5, 5, 5], 1000, { suspectS: 3, failS: 5, tolerance: 0.1 })
    expect(flags).toEqual([1, 1, 1, 3, 3, 4])
  })
})

describe('the attenuated signal check agrees with ioos_qc', () => {
  const DAY_MS = 86_400_000
  function flags(
    values: Values,
    settings: Omit<AttenuatedSettings, 'windowS' | 'minSamples'>,
    days: number,
  ): Quality[] {
    const check = new AttenuatedCheck({ windowS: days * 86_400, minSamples: 2, ...settings }, 2 * DAY_MS)
    return timed(values, DAY_MS, (value, ts) => check.check(value, ts))
  }

  it('on the range of a moving window', () => {
    expect(flags([1, 2, 3, 100, 1000], { method: 'range', suspect: 100, fail: 10 }, 1)).toEqual([2, 4, 4, 3, 1])
  })

  it('on the range and the standard deviation of all values', () => {
    expect(flags([10, 20, 30, 40], { method: 'range', suspect: 50, fail: 31 }, 3).at(-1)).toBe(4)
    expect(flags([10, 20, 30, 40], { method: 'range', suspect: 31, fail: 10 }, 3).at(-1)).toBe(3)
    expect(flags([1, 2, 3, 4], { method: 'std', suspect: 0.75, fail: 0.5 }, 3).at(-1)).toBe(1)
    expect(flags([1, 2, 3, 4], { method: 'std', suspect: 5, fail: 0 }, 3).at(-1)).toBe(3)
    expect(flags([1, 1, 1, 1], { method: 'std', suspect: 10, fail: 8 }, 3).at(-1)).toBe(4)
  })
})
