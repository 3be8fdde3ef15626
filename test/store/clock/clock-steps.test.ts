import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClockSteps, STEPS_MAX } from '../../../src/store/clock/clock-steps.ts'
import { DAY, HOUR } from './world.ts'

const NOW = Date.UTC(2026, 8, 1)
const YEARS_56 = Date.UTC(2026, 8, 1) - 60_000

describe('the correction of arrival times', () => {
  it('corrects readings that arrived before the clock was set, as soon as it is known by how much it was wrong', () => {
    const steps = new ClockSteps([{ first: 1, offset: 0, latest: undefined, settled: false, at: NOW }])
    steps.correct(YEARS_56, NOW)
    expect(steps.timeOf(5, 30_000)).toBe(30_000 + YEARS_56)
  })

  it('leaves readings alone that arrived while the time was known', () => {
    const steps = new ClockSteps([{ first: 1, offset: 0, latest: undefined, settled: true, at: NOW }])
    steps.begin(10, 0, { settled: false, at: NOW })
    steps.correct(3 * DAY, NOW + 3 * DAY)
    expect(steps.timeOf(9, NOW)).toBe(NOW)
    expect(steps.timeOf(10, NOW)).toBe(NOW + 3 * DAY)
  })

  it('lets no reading count as arrived in the future after the clock was set back', () => {
    const steps = new ClockSteps([{ first: 1, offset: 0, latest: undefined, settled: true, at: NOW }])
    steps.correct(-3_652 * DAY, NOW)
    steps.begin(20, 0, { settled: true, at: NOW })
    expect(steps.timeOf(5, NOW + 3_000 * DAY)).toBe(NOW)
    expect(steps.timeOf(5, NOW - DAY)).toBe(NOW - DAY)
    expect(steps.timeOf(20, NOW + HOUR)).toBe(NOW + HOUR)
  })

  it('restores the ages when a correction back is undone', () => {
    const steps = new ClockSteps([{ first: 1, offset: 0, latest: undefined, settled: true, at: NOW }])
    steps.correct(-7 * DAY, NOW - 7 * DAY)
    steps.begin(20, 0, { settled: true, at: NOW - 7 * DAY })
    steps.correct(7 * DAY, NOW)
    expect(steps.timeOf(5, NOW - HOUR)).toBe(NOW - HOUR)
  })

  it('forgets entries of readings that were not stored', () => {
    const steps = new ClockSteps([])
    for (const first of [1, 10, 20]) steps.begin(first, first, { settled: true, at: NOW })
    steps.forgetAfter(9)
    expect(steps.all.map(({ first }) => first)).toEqual([1, 10])
  })

  it('needs no entry for publishes that waited for a slow disk, and one for a step of a few minutes', () => {
    const steps = new ClockSteps([{ first: 1, offset: 0, latest: undefined, settled: true, at: NOW }])
    expect(steps.isForeign(NOW - 60_000, NOW)).toBe(false)
    expect(steps.isForeign(NOW + 1_000, NOW)).toBe(false)
    expect(steps.isForeign(NOW + 10_000, NOW)).toBe(true)
    expect(steps.isForeign(NOW - 180_000, NOW)).toBe(true)
  })

  it('makes no reading older than it is, however many steps there are', () => {
    const offset = fc.integer({ min: -4_000 * DAY, max: 4_000 * DAY })
    const property = fc.property(fc.array(offset, { minLength: STEPS_MAX, maxLength: STEPS_MAX + 50 }), (offsets) => {
      const steps = new ClockSteps([])
      for (const [i, one] of offsets.entries()) steps.begin(1 + i * 10, one, { settled: true, at: NOW })
      expect(steps.all.length).toBeLessThanOrEqual(STEPS_MAX)
      for (const [i, one] of offsets.entries()) expect(steps.timeOf(5 + i * 10, NOW + one)).toBeGreaterThanOrEqual(NOW)
    })
    fc.assert(property, { numRuns: 20 })
  })

  it('forgets entries that no stored reading needs', () => {
    const steps = new ClockSteps([])
    for (const first of [1, 10, 20, 30]) steps.begin(first, first, { settled: true, at: NOW })
    steps.forgetBefore(25)
    expect(steps.all.map(({ first }) => first)).toEqual([20, 30])
    expect(steps.timeOf(25, NOW)).toBe(NOW - 20)
  })
})
