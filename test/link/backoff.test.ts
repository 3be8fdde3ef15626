import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../src/link/backoff.ts'

const rule = { minMs: 1_000, maxMs: 300_000 }

describe('the backoff', () => {
  it('has a ceiling that doubles from the minimum to the maximum', () => {
    const almostOne = (): number => 1 - Number.EPSILON
    expect([0, 1, 2, 8, 9, 5_000].map((attempt) => backoffMs(attempt, rule, almostOne))).toEqual([
      999, 1_999, 3_999, 255_999, 299_999, 299_999,
    ])
  })

  it('is spread over the whole range from 0 to the ceiling', () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.nat(10_000), share, (attempt, random) => {
        const ms = backoffMs(attempt, rule, () => random)
        const ceilingMs = backoffMs(attempt, rule, () => 1)
        expect(ms).toBe(Math.floor(random * ceilingMs))
      }),
    )
  })
})
