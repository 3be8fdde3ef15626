import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import type { StoredReading } from '../../../src/base/reading.ts'
import { tamper } from '../stores.ts'
import { exactFigures, isSumOf } from './figures.ts'
import { expected, Grown, grow, type NAMES, sown } from './grown.ts'

/** Hourly sums, without the arrival of their readings. */
const ROLLUPS = 'rollups (series, hour, readings, good, worst, numbers, value_min, value_max, value_sum)'
const HOUR = 3_600_000
/** After the present of these stores. */
const FAR = 4.2e12
const ONE = { name: 0, value: 1, quality: 1, reasons: 0 } as const
const stories = fc.record({
  readings: fc.array(sown, { minLength: 100, maxLength: 200, size: 'max' }),
  amended: fc.array(fc.nat(), { maxLength: 6 }),
})

function plain(readings: readonly StoredReading[]): unknown[] {
  return readings.map(({ value, ...rest }) => ({ ...rest, value: value instanceof Uint8Array ? [...value] : value }))
}

/** The readings of one series, in the order of history. */
function of(readings: readonly StoredReading[], { device, metric, unit }: (typeof NAMES)[number]): StoredReading[] {
  return expected(readings, { device, metric }).filter((one) => one.unit === unit)
}

describe('answers from history agree with a scan of all readings (sealed, merged, amended or in the log)', () => {
  it('for the latest readings, the recent readings and the device statistics', () => {
    const property = fc.property(stories, fc.integer({ min: 1, max: 200 }), ({ readings, amended }, count) => {
      const grown = grow(readings, amended)
      const { history } = grown
      for (const filter of [
        {},
        { metric: 'heat' },
        { device: 'press', metric: 'force' },
        { unit: '' },
        { device: 'x' },
      ]) {
        const series = history.series(filter)
        const latest = series.flatMap((one) => of(grown.readings, one as (typeof NAMES)[number]).slice(-1))
        expect(plain(history.latest(filter))).toEqual(plain(latest))
        const own = grown.readings.filter((one) =>
          series.some(({ metric, unit }) => one.metric === metric && one.unit === unit),
        )
        expect(plain(history.recent(count, filter))).toEqual(plain(own.toReversed().slice(0, count)))
      }
      const [press, ...others] = history.devices()
      expect(others).toEqual([])
      const times = grown.readings.map(({ ts }) => ts)
      expect(press).toMatchObject({
        device: 'press',
        readings: times.length,
        firstAt: Math.min(...times),
        lastAt: Math.max(...times),
      })
      expect(press!.goodShare).toBeCloseTo(exactFigures(grown.readings).goodShare, 12)
      expect(press!.worst).toBe(exactFigures(grown.readings).worst)
      for (const { sum, avg, ...series } of press!.series) {
        const own = of(grown.readings, series as (typeof NAMES)[number])
        const { first: _first, last: _last, ...exact } = exactFigures(own)
        expect(series).toMatchObject({ ...exact, firstAt: own[0]!.ts, lastAt: own.at(-1)!.ts })
        expect(isSumOf({ sum, avg }, own)).toBe(true)
      }
      grown.close()
    })
    fc.assert(property, { numRuns: 5 })
  })
})

describe('answers about sealed readings', () => {
  it('take the last stored reading when several have the latest time, whichever block contains it', () => {
    const grown = new Grown()
    for (const value of [1, 2, 3]) {
      grown.append([
        { ...ONE, ts: 5 * HOUR, value },
        { ...ONE, ts: 5 * HOUR, value: value + 10 },
        { ...ONE, ts: 4 * HOUR },
      ])
      grown.seal()
    }
    expect(grown.history.latest().map(({ value }) => value)).toEqual([13])
    grown.append([{ ...ONE, ts: 5 * HOUR - 1, value: 20 }])
    expect(grown.history.latest().map(({ value }) => value)).toEqual([13])
    grown.append([{ ...ONE, ts: 5 * HOUR, value: 21 }])
    expect(grown.history.latest().map(({ value }) => value)).toEqual([21])
    grown.close()
  })

  it('are never a reading from the future while the series has another, whether sealed or in the log', () => {
    const present = fc.record({
      ts: fc.integer({ min: 1, max: 9 }),
      future: fc.constant(false),
      flagged: fc.constant(false),
    })
    const future = fc
      .record({ ts: fc.integer({ min: 1, max: 9 }), future: fc.constant(true), flagged: fc.boolean() })
      .map((one) => ({ ...one, ts: one.ts + (one.flagged ? 0 : FAR) }))
    const all = fc.array(fc.oneof(present, future, fc.constant('seal' as const)), { minLength: 1, maxLength: 24 })
    const property = fc.property(all, (steps) => {
      const grown = new Grown()
      const futures = new Set<number>()
      for (const step of steps) {
        if (step === 'seal') grown.seal()
        else {
          const verdict = step.flagged ? ({ quality: 4, reasons: Reason.TIME_FUTURE } as const) : {}
          grown.append([{ ...ONE, ...verdict, ts: step.ts, value: grown.readings.length }])
          if (step.future) futures.add(grown.readings.length - 1)
        }
      }
      const good = grown.readings.filter((_, i) => !futures.has(i)).sort((a, b) => a.ts - b.ts || a.seq - b.seq)
      const wanted = good.at(-1) ?? grown.readings.at(-1)
      expect(plain(grown.history.latest())).toEqual(plain(wanted === undefined ? [] : [wanted]))
      const [device] = grown.history.devices()
      if (grown.readings.length > 0) expect(device!.lastAt).toBeLessThan(FAR)
      grown.close()
    })
    fc.assert(property, { numRuns: 60 })
  })

  it('look behind readings from the future in a limited number of blocks, and then take the last that arrived', () => {
    const grown = new Grown()
    const future = { ...ONE, quality: 4, reasons: Reason.TIME_FUTURE } as const
    grown.append([{ ...ONE, ts: 1, value: 1 }])
    grown.seal()
    for (let i = 0; i < 20; i++) {
      grown.append([{ ...future, ts: 1_000 + i, value: 100 + i }])
      grown.seal()
    }
    expect(grown.history.latest().map(({ value }) => value)).toHaveLength(1)
    grown.append([{ ...ONE, ts: 2, value: 2 }])
    expect(grown.history.latest().map(({ value }) => value)).toEqual([2])
    grown.close()
  })

  it('return the last readings of all series as the recent ones, also when series have blocks of their own', () => {
    const grown = new Grown()
    grown.append([0, 2, 0, 2, 0, 2].map((name, i) => ({ ...ONE, name, ts: i })))
    grown.seal()
    grown.append([{ ...ONE, ts: 9 }])
    for (const count of [1, 2, 3, 4, 7, 9]) {
      const wanted = [7, 6, 5, 4, 3, 2, 1].slice(0, count)
      expect(grown.history.recent(count).map(({ seq }) => seq)).toEqual(wanted)
    }
    expect(grown.history.recent(2, { metric: 'force' }).map(({ seq }) => seq)).toEqual([6, 4])
    grown.close()
  })
})

describe('statistics of devices', () => {
  it('count removed readings while their hourly sums are kept, and open only blocks whose verdicts were changed', () => {
    const grown = new Grown()
    grown.append([
      { ...ONE, ts: 50 * HOUR, value: 5 },
      { ...ONE, ts: 51 * HOUR, value: true },
    ])
    grown.seal()
    tamper(
      grown.folder,
      `UPDATE blocks SET bytes = x'00';
       INSERT INTO ${ROLLUPS} VALUES (1, ${HOUR}, 10, 5, 3, 8, -1.0, 4.0, 16.0), (1, ${2 * HOUR}, 2, 2, 1, 0, NULL, NULL, NULL);
       INSERT INTO devices (name) VALUES ('silent')`,
    )
    const figures = { readings: 14, numbers: 9, min: -1, max: 5, sum: 21, avg: 21 / 9, goodShare: 9 / 14, worst: 3 }
    expect(grown.history.devices()).toMatchObject([
      {
        device: 'press',
        firstAt: HOUR,
        lastAt: 51 * HOUR,
        readings: 14,
        goodShare: 9 / 14,
        worst: 3,
        series: [figures],
      },
      { device: 'silent', firstAt: undefined, lastAt: undefined, readings: 0, worst: 9, series: [] },
    ])
    grown.amend(0)
    expect(() => grown.history.devices()).toThrow('cannot be read')
    tamper(
      grown.folder,
      `INSERT INTO ${ROLLUPS} VALUES (1, ${3 * HOUR}, 2, 1, 4, 2, -9e999, 9e999, NULL); DELETE FROM verdicts`,
    )
    expect(grown.history.devices()[0]!.series[0]).toMatchObject({
      sum: null,
      avg: null,
      min: -Infinity,
      max: Infinity,
      worst: 4,
    })
    grown.close()
  })

  it('roll up the worst quality in the order missing, not evaluated, good, suspect, bad, wherever the readings are', () => {
    const grown = new Grown()
    const flags = [
      [9, 2],
      [2, 1],
      [1, 3],
    ] as const
    const append = (): void => {
      grown.append(flags.flatMap((pair, name) => pair.map((quality, i) => ({ ...ONE, name, ts: i, quality }))))
    }
    const worst = (): unknown => new Map(grown.history.devices()[0]!.series.map(({ id, worst }) => [id, worst]))
    const wanted = new Map([1, 2, 3].map((id, i) => [id, flags[i]![1]]))
    append()
    expect(worst()).toEqual(wanted)
    grown.seal()
    expect(worst()).toEqual(wanted)
    const rollups = flags.map(([, quality], i) => `(${i + 1}, 0, 1, 0, ${quality}, 0, NULL, NULL, NULL)`)
    tamper(grown.folder, `DELETE FROM seals; INSERT INTO ${ROLLUPS} VALUES ${rollups.join(', ')}`)
    expect(worst()).toEqual(wanted)
    grown.close()
  })
})
