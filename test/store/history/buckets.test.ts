import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../../src/base/reading.ts'
import { BUCKETS_MAX, type Bucket } from '../../../src/store/history/history.ts'
import { tamper } from '../stores.ts'
import { exactFigures, isSumOf } from './figures.ts'
import { expected, Grown, grow, sown } from './grown.ts'

/** Hourly sums, without the arrival of their readings. */
const ROLLUPS = 'rollups (series, hour, readings, good, worst, numbers, value_min, value_max, value_sum)'
const HEAT = { device: 'press', metric: 'heat' }
const HOUR = 3_600_000
const ONE = { name: 0, value: 1, quality: 1, reasons: 0 } as const

/** Summaries do not distinguish -0 from 0; adding 0 makes them equal. */
function exactly({ readings, numbers, min, max, first, last, goodShare, worst }: Bucket) {
  const zero = (value: number | null): number | null => (value === null ? null : value + 0)
  return { readings, numbers, min: zero(min), max: zero(max), first: zero(first), last: zero(last), goodShare, worst }
}

/** Compares all buckets of a stretch with a scan of its readings. */
function check(buckets: readonly Bucket[], readings: readonly StoredReading[], everyMs: number): void {
  const groups = Map.groupBy(readings, ({ ts, unit }) => `${Math.floor(ts / everyMs) * everyMs} ${unit}`)
  expect(buckets.map(({ start, unit }) => `${start} ${unit}`).sort()).toEqual([...groups.keys()].sort())
  expect(buckets.map(({ start }) => start)).toEqual(buckets.map(({ start }) => start).sort((a, b) => a - b))
  for (const bucket of buckets) {
    const own = groups.get(`${bucket.start} ${bucket.unit}`)!
    expect(exactly(bucket)).toEqual(exactFigures(own))
    expect({ bucket, isSum: isSumOf(bucket, own) }).toEqual({ bucket, isSum: true })
  }
}

const bound = fc.oneof(fc.constant(undefined), fc.integer({ min: -10_000_000, max: 190_000_000 }))
const everyMs = fc.constantFrom(1, 777_777, 1_800_000, HOUR, 24 * HOUR, 7 * 24 * HOUR, 1e13)

describe('buckets of history', () => {
  it('agree with a scan of all readings (sealed, merged, amended or in the log)', () => {
    const seed = fc.record({
      readings: fc.array(sown, { minLength: 100, maxLength: 200, size: 'max' }),
      amended: fc.array(fc.nat(), { maxLength: 6 }),
    })
    const readingsMax = fc.constantFrom(0, 20, 1_000)
    const question = fc.record({ from: bound, to: bound, everyMs, readingsMax })
    const questions = fc.array(question, { minLength: 16, maxLength: 16 })
    const property = fc.property(seed, questions, ({ readings, amended }, questions) => {
      const grown = grow(readings, amended)
      const series = grown.history.series(HEAT)
      for (const { from, to, everyMs, readingsMax } of questions) {
        const interval = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
        const buckets = grown.history.buckets({ series, everyMs, readingsMax, ...interval })
        check(buckets, expected(grown.readings, { ...HEAT, ...interval }), everyMs)
      }
      grown.close()
    })
    fc.assert(property, { numRuns: 5 })
  })

  it('do not open a block that lies entirely within one of them, unless its verdicts were changed', () => {
    const grown = new Grown()
    const rows = [1, 2, null].map((value, i) => ({ name: 0, ts: i * 1_000, value, quality: 1 as const, reasons: 0 }))
    grown.append(rows)
    grown.seal()
    const damage = (): void => tamper(grown.folder, `UPDATE blocks SET bytes = x'00'`)
    const [whole] = grown.history.buckets({ series: grown.history.series(HEAT), everyMs: HOUR })
    damage()
    expect(grown.history.buckets({ series: grown.history.series(HEAT), everyMs: HOUR })).toEqual([whole])
    expect(whole).toMatchObject({ start: 0, readings: 3, numbers: 2, avg: 1.5, first: 1, last: 2, worst: 1 })
    expect(() => grown.history.buckets({ series: grown.history.series(HEAT), everyMs: 1_000 })).toThrow(
      'cannot be read',
    )
    grown.amend(0)
    expect(() => grown.history.buckets({ series: grown.history.series(HEAT), everyMs: HOUR })).toThrow('cannot be read')
    grown.close()
  })

  it('leave BAD numbers out and count them, wherever the readings are, unless BAD ones are asked for', () => {
    const grown = new Grown()
    const rows = [1, 500, 2].map(
      (value, i) => ({ ...ONE, ts: i * 1_000, value, quality: value === 500 ? 4 : 1 }) as const,
    )
    const figures = (includeBad: boolean) =>
      grown.history.buckets({ series: grown.history.series(HEAT), everyMs: HOUR, includeBad })
    const devices = (includeBad: boolean) => grown.history.devices({ includeBad })[0]!.series
    const without = { readings: 3, numbers: 2, badLeftOut: 1, avg: 1.5, max: 2, goodShare: 2 / 3, worst: 4 }
    const withBad = { readings: 3, numbers: 3, badLeftOut: 0, sum: 503, max: 500, goodShare: 2 / 3, worst: 4 }
    grown.append(rows)
    for (const place of ['log', 'block']) {
      if (place === 'block') grown.seal()
      expect(figures(false)).toMatchObject([{ ...without, first: 1, last: 2 }])
      expect(figures(true)).toMatchObject([{ ...withBad, first: 1, last: 2 }])
      expect(devices(false)).toMatchObject([without])
      expect(devices(true)).toMatchObject([withBad])
    }
    grown.append([{ ...ONE, ts: 5_000, value: 7, quality: 4 }])
    expect(figures(false)).toMatchObject([{ badLeftOut: 2, last: 2 }])
    expect(figures(true)).toMatchObject([{ last: 7 }])
    grown.close()
  })

  it('count the hourly sums of removed readings in the bucket in which the hour starts; these have no first and last value', () => {
    const grown = new Grown()
    grown.append([{ name: 0, ts: 2 * HOUR + 5, value: 7, quality: 1, reasons: 0 }])
    grown.append([{ name: 0, ts: 30 * HOUR, value: 9, quality: 1, reasons: 0 }])
    tamper(
      grown.folder,
      `INSERT INTO ${ROLLUPS} VALUES (1, ${HOUR}, 10, 5, 3, 8, -1.0, 4.0, 16.0), (1, ${2 * HOUR}, 2, 2, 1, 0, NULL, NULL, NULL),
        (1, ${3 * HOUR}, 2, 1, 4, 2, 'Infinity', 'Infinity', NULL)`.replaceAll("'Infinity'", '9e999'),
    )
    const series = grown.history.series(HEAT)
    const days = grown.history.buckets({ series, everyMs: 24 * HOUR, to: 3 * HOUR })
    expect(days).toMatchObject([
      {
        start: 0,
        readings: 13,
        numbers: 9,
        sum: 23,
        avg: 23 / 9,
        min: -1,
        max: 7,
        first: null,
        last: null,
        goodShare: 8 / 13,
        worst: 3,
      },
    ])
    const hours = grown.history.buckets({ series, everyMs: HOUR })
    expect(
      hours.map(({ start, readings, numbers, sum, first, worst }) => [
        start / HOUR,
        readings,
        numbers,
        sum,
        first,
        worst,
      ]),
    ).toEqual([
      [1, 10, 8, 16, null, 3],
      [2, 3, 1, 7, 7, 1],
      [3, 2, 2, null, null, 4],
      [30, 1, 1, 9, 9, 1],
    ])
    const halves = grown.history.buckets({ series, everyMs: HOUR / 2, from: HOUR + 1 })
    expect(halves.map(({ start, readings }) => [start / HOUR, readings])).toEqual([
      [2, 3],
      [3, 2],
      [30, 1],
    ])
    grown.close()
  })

  it('come in pages when many readings must be read: each page is one short transaction', () => {
    const grown = new Grown()
    for (let hour = 0; hour < 6; hour++) {
      grown.append([0, 1, 2].map((i) => ({ ...ONE, ts: hour * HOUR + i, value: i })))
      grown.seal()
    }
    const query = { series: grown.history.series(HEAT), everyMs: 2 }
    const counts = (readingsMax: number): number[] => {
      return [...grown.history.bucketPages({ ...query, readingsMax })].map((page) => page.length)
    }
    expect(counts(1_000)).toEqual([12])
    expect(counts(4)).toEqual([4, 4, 4])
    expect(grown.history.bucketPage({ ...query, readingsMax: 0 }).next).toBe(HOUR)
    grown.close()
  })

  it('come in pages when there are many, and are refused as one answer', () => {
    const grown = new Grown({ sealRows: 100_000 })
    const count = 25_000
    const rows = Array.from({ length: count }, (_, i) => ({ ...ONE, ts: ((i * 7_919) % count) * 10 }))
    grown.append(rows.slice(0, count / 2))
    grown.seal()
    grown.append(rows.slice(count / 2))
    const series = grown.history.series(HEAT)
    const pages = [...grown.history.bucketPages({ series, everyMs: 10, from: 7 })]
    expect(pages.length).toBeGreaterThan(1)
    const starts = pages.flat().filter(({ start, readings }, i) => start === (i + 1) * 10 && readings === 1)
    expect(starts.length).toBe(count - 1)
    tamper(
      grown.folder,
      `WITH RECURSIVE hours (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM hours WHERE n <= ${BUCKETS_MAX})
        INSERT INTO ${ROLLUPS} SELECT 1, n * ${HOUR}, 1, 1, 1, 1, 5.0, 5.0, 5.0 FROM hours`,
    )
    expect(() => grown.history.buckets({ series, everyMs: HOUR })).toThrow(`more than ${BUCKETS_MAX}`)
    grown.close()
  })
})
