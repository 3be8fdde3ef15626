import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  coldStoreTemperature,
  drift,
  gateOpen,
  hallTemperature,
  litresCounted,
  mulberry32,
  pressure,
  type Signal,
  type SignalMoment,
  vibration,
} from '../../src/demo/signals.ts'

const seeds = fc.integer()
const times = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2060, 0, 1) })
const at = (ts: number, index = 0): SignalMoment => ({ ts, index, elapsedMs: 0 })

const SENSORS: readonly [string, (seed: number) => Signal<number>, number, number][] = [
  ['hall', hallTemperature, 12, 29],
  ['cold store', coldStoreTemperature, -20, -16],
  ['pressure', pressure, 3.9, 4.5],
  ['vibration', vibration, 1.5, 3.1],
]

describe('mulberry32', () => {
  it('gives the same numbers for the same seed, and others for another seed', () => {
    const numbers = (seed: number): number[] => Array.from({ length: 20 }, mulberry32(seed))
    fc.assert(fc.property(seeds, (seed) => void expect(numbers(seed)).toEqual(numbers(seed))))
    expect(numbers(1)).not.toEqual(numbers(2))
  })

  it('is uniform in [0, 1)', () => {
    const next = mulberry32(42)
    const tenths = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) tenths[Math.floor(next() * 10)]!++
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })
})

describe('a signal', () => {
  it('drifts within [-1, 1] and never faster than 3 per period', () => {
    fc.assert(
      fc.property(seeds, times, fc.integer({ min: 1, max: 5_000 }), (seed, ts, stepMs) => {
        const [from, to] = [drift(seed, 5_000, ts), drift(seed, 5_000, ts + stepMs)]
        expect(Math.abs(from)).toBeLessThanOrEqual(1)
        expect(Math.abs(to - from)).toBeLessThanOrEqual((3 * stepMs) / 5_000 + 1e-9)
      }),
    )
  })

  it.each(SENSORS)(
    'of a %s has the same value at the same moment, and stays in a plausible range',
    (_, make, low, high) => {
      fc.assert(
        fc.property(seeds, times, fc.nat(1e6), (seed, ts, index) => {
          const value = make(seed)(at(ts, index))
          expect(make(seed)(at(ts, index))).toBe(value)
          expect(value).toBeGreaterThanOrEqual(low)
          expect(value).toBeLessThanOrEqual(high)
        }),
      )
    },
  )

  it('of a meter is a whole number and never decreases', () => {
    fc.assert(
      fc.property(seeds, times, fc.nat(60_000), (seed, ts, laterMs) => {
        const meter = litresCounted(seed)
        const first = meter(at(ts))
        expect(Number.isSafeInteger(first)).toBe(true)
        expect(meter(at(ts + laterMs))).toBeGreaterThanOrEqual(first)
      }),
    )
  })

  it('of a gate is open for a tenth to a third of the time', () => {
    const gate = gateOpen(7)
    const open = Array.from({ length: 5_000 }, (_, i) => gate(at(Date.UTC(2026, 5, 1) + i * 1_000))).filter(Boolean)
    expect(open.length / 5_000).toBeGreaterThan(0.1)
    expect(open.length / 5_000).toBeLessThan(0.34)
  })
})
