import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { combine, worse } from '../../src/base/flags.ts'
import type { Quality, Verdict } from '../../src/base/reading.ts'

const ORDER: readonly Quality[] = [9, 2, 1, 3, 4]
const quality = fc.constantFrom<Quality>(...ORDER)
const verdict: fc.Arbitrary<Verdict> = fc.record({ quality, reasons: fc.nat(0xffff_ffff) })

describe('the roll-up of flags', () => {
  it('agrees with ioos_qc', () => {
    const tests: Quality[][] = [
      [1, 1, 1, 9, 1, 1, 9, 9],
      [2, 1, 1, 1, 1, 1, 9, 9],
      [1, 3, 3, 4, 3, 1, 2, 9],
    ]
    const rolled = tests[0]!.map((_, i) => tests.map((flags) => flags[i]!).reduce(worse))
    expect(rolled).toEqual([1, 3, 3, 4, 3, 1, 2, 9])
  })

  it('is the highest flag in the order 9 < 2 < 1 < 3 < 4', () => {
    fc.assert(
      fc.property(quality, quality, (a, b) => {
        expect(worse(a, b)).toBe(ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))])
      }),
    )
  })

  it('does not depend on order and repetition', () => {
    fc.assert(
      fc.property(verdict, verdict, verdict, (a, b, c) => {
        expect(combine(a, b)).toEqual(combine(b, a))
        expect(combine(combine(a, b), c)).toEqual(combine(a, combine(b, c)))
        expect(combine(a, a)).toEqual(a)
      }),
    )
  })

  it('loses no reason and never improves a flag', () => {
    fc.assert(
      fc.property(verdict, verdict, (a, b) => {
        const both = combine(a, b)
        expect((both.reasons & a.reasons) >>> 0).toBe(a.reasons)
        expect(both.reasons).toBeGreaterThanOrEqual(0)
        expect(worse(both.quality, a.quality)).toBe(both.quality)
      }),
    )
  })
})
