/** The checks keep buckets instead of readings; these tests compare them with a window that keeps all readings. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Quality } from '../../src/base/reading.ts'
import { AttenuatedCheck } from '../../src/quality/attenuated.ts'
import { FlatCheck } from '../../src/quality/flat.ts'
import { RateCheck } from '../../src/quality/rate.ts'

interface Point {
  readonly ts: number
  readonly value: number
}

const MAX_GAP_MS = 40_000

/** Up to 150 readings, 1 ms to 20 s apart, some after a silence, with values that often stay the same. */
const points: fc.Arbitrary<Point[]> = fc
  .record({
    steps: fc.array(
      fc.tuple(
        fc.oneof(
          { arbitrary: fc.integer({ min: 1, max: 3_000 }), weight: 20 },
          { arbitrary: fc.integer({ min: 3_000, max: 20_000 }), weight: 5 },
          { arbitrary: fc.constant(MAX_GAP_MS + 1), weight: 1 },
        ),
        fc.oneof({ arbitrary: fc.integer({ min: -1, max: 1 }), weight: 8 }, { arbitrary: fc.integer(), weight: 1 }),
      ),
      { minLength: 1, maxLength: 150, size: 'max' },
    ),
  })
  .map(({ steps }) => {
    let ts = 0
    let level = 0
    return steps.map(([step, change]) => {
      ts += step
      if (Math.abs(change) > 1) level = change % 10
      return { ts, value: level + (Math.abs(change) > 1 ? 0 : change) }
    })
  })

/** The readings up to `end` without a silence between them. */
function since(all: readonly Point[], end: number): Point[] {
  let start = end
  while (start > 0 && all[start]!.ts - all[start - 1]!.ts <= MAX_GAP_MS) start--
  return all.slice(start, end + 1)
}

/** Index of the latest reading from which the run spans `windowMs` and has `samples` readings; −1 if none. */
function startOf(run: readonly Point[], windowMs: number, samples: number): number {
  for (let start = run.length - samples; start >= 0; start--) {
    if (run.at(-1)!.ts - run[start]!.ts >= windowMs) return start
  }
  return -1
}

function extent(run: readonly Point[]): number {
  const values = run.map(({ value }) => value)
  return Math.max(...values) - Math.min(...values)
}

function deviation(run: readonly Point[]): number {
  const mean = run.reduce((sum, { value }) => sum + value, 0) / run.length
  return Math.sqrt(run.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / run.length)
}

const bucketMs = (windowMs: number): number => Math.ceil(windowMs / 15)

describe('the flat line check', () => {
  const tolerance = 2.5
  const settings = fc.record({
    suspectS: fc.integer({ min: 1, max: 60 }),
    failS: fc.integer({ min: 1, max: 200 }),
    minSamples: fc.integer({ min: 2, max: 16 }),
  })

  it('only flags a reading that ends a flat run of at least the set duration', () => {
    fc.assert(
      fc.property(points, settings, (all, { suspectS, failS, minSamples }) => {
        const check = new FlatCheck({ suspectS, failS, minSamples, tolerance }, MAX_GAP_MS)
        all.forEach(({ value, ts }, i) => {
          const flag = check.check(value, ts)
          if (flag === 1) return
          const run = since(all, i)
          const start = startOf(run, (flag === 4 ? failS : suspectS) * 1000, minSamples)
          expect(start).toBeGreaterThanOrEqual(0)
          expect(extent(run.slice(start))).toBeLessThan(tolerance)
        })
      }),
    )
  })

  it('flags every run that is flat for the set duration and one bucket before it', () => {
    fc.assert(
      fc.property(points, settings, (all, { suspectS, failS, minSamples }) => {
        const check = new FlatCheck({ suspectS, failS, minSamples, tolerance }, MAX_GAP_MS)
        const widthMs = bucketMs(Math.max(suspectS, failS) * 1000)
        all.forEach(({ value, ts }, i) => {
          const flag = check.check(value, ts)
          const run = since(all, i)
          const isFlatFor = (s: number): boolean => {
            const start = startOf(run, s * 1000, minSamples)
            return start >= 0 && extent(run.filter((point) => point.ts > run[start]!.ts - widthMs)) < tolerance
          }
          if (isFlatFor(failS)) expect(flag).toBe(4)
          else if (isFlatFor(suspectS)) expect([3, 4]).toContain(flag)
        })
      }),
    )
  })

  it('flags exactly after the set duration when a step begins the run', () => {
    const check = new FlatCheck({ failS: 150, tolerance: 1, minSamples: 3 }, MAX_GAP_MS)
    const flags = Array.from({ length: 400 }, (_, s) => check.check(s < 205 ? 7 : 9, s * 1000))
    expect(flags.indexOf(4)).toBe(150)
    expect(flags.indexOf(1, 150)).toBe(205)
    expect(flags.indexOf(4, 205)).toBe(205 + 150)
  })

  it('treats equal values as flat when the tolerance is 0', () => {
    const check = new FlatCheck({ failS: 2, tolerance: 0, minSamples: 3 }, MAX_GAP_MS)
    expect([5, 5, 5, 6, 6, 6].map((value, s) => check.check(value, s * 1000))).toEqual([1, 1, 4, 1, 1, 4])
  })

  it('requires a range strictly within the tolerance', () => {
    const check = new FlatCheck({ failS: 1, tolerance: 1, minSamples: 2 }, MAX_GAP_MS)
    expect([0, 1, 1.5].map((value, s) => check.check(value, s * 1000))).toEqual([1, 1, 4])
  })

  it('begins again after a silence', () => {
    const check = new FlatCheck({ failS: 20, tolerance: 1, minSamples: 3 }, 10_000)
    expect([0, 10_000, 20_000, 30_001, 40_000].map((ts) => check.check(1, ts))).toEqual([1, 1, 4, 1, 1])
  })
})

describe('the attenuated signal check', () => {
  const settings = fc.record({
    windowS: fc.integer({ min: 1, max: 90 }),
    method: fc.constantFrom('range' as const, 'std' as const),
    minSamples: fc.integer({ min: 2, max: 5 }),
  })
  const [suspect, fail] = [1.7320507, 0.5477225]

  it('gives the flag of a window that is longer by less than one bucket', () => {
    fc.assert(
      fc.property(points, settings, (all, { windowS, method, minSamples }) => {
        const check = new AttenuatedCheck({ windowS, method, minSamples, suspect, fail }, MAX_GAP_MS)
        const flagOf = (window: readonly Point[]): Quality => {
          if (window.length < minSamples) return 2
          const spread = method === 'std' ? deviation(window) : extent(window)
          return spread < fail ? 4 : spread < suspect ? 3 : 1
        }
        all.forEach(({ value, ts }, i) => {
          const flag = check.check(value, ts)
          const run = since(all, i)
          const latest = startOf(run, windowS * 1000, 1)
          const earliestMs = latest < 0 ? Infinity : run[latest]!.ts - bucketMs(windowS * 1000)
          const windows = run.flatMap((point, k) => (k <= latest && point.ts > earliestMs ? [run.slice(k)] : []))
          const possible = latest < 0 ? [2] : windows.map(flagOf)
          expect(possible).toContain(flag)
        })
      }),
    )
  })

  it('computes the deviation of small changes at a high level exactly', () => {
    const check = new AttenuatedCheck({ windowS: 50, method: 'std', minSamples: 3, suspect: 1, fail: 0.4 }, MAX_GAP_MS)
    const flags = Array.from({ length: 100 }, (_, s) => check.check(1e9 + (s % 2), s * 1000))
    expect(new Set(flags.slice(50))).toEqual(new Set([3]))
  })
})

describe('the rate check', () => {
  it('does not judge a change across a silence, but judges the next one', () => {
    const check = new RateCheck({ suspect: 1, fail: 5 }, 10_000)
    const flags = [check.check(0, 0), check.check(100, 10_001), check.check(102, 11_001), check.check(108, 12_001)]
    expect(flags).toEqual([1, 2, 3, 4])
  })

  it('ignores a reading whose time does not increase', () => {
    const check = new RateCheck({ suspect: 1 }, 10_000)
    expect([check.check(0, 1000), check.check(50, 1000), check.check(60, 500), check.check(1, 2000)]).toEqual([
      1, 2, 2, 1,
    ])
  })
})
