import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import { BatchBuilder } from '../../src/codec/batch.ts'
import { build, buildWith, ORIGIN, open, readingsOf, series, someReadings } from './readings.ts'

describe('a batch', () => {
  it('preserves every reading bit for bit', () => {
    fc.assert(
      fc.property(someReadings, (readings) => {
        expect(readingsOf(open(build(readings).bytes))).toStrictEqual(readings)
      }),
      { numRuns: 400 },
    )
  })

  it('preserves special doubles exactly: -0, subnormal, infinite, of 17 digits, beyond 2^53', () => {
    const values = [
      ...[-0, 0, 5e-324, -2.2250738585072014e-308, Infinity, -Infinity, Number.MAX_VALUE, 0.1 + 0.2],
      ...[74.93588199999998, 2 ** 51 - 1, 2 ** 51, -(2 ** 51), 2 ** 53, 2 ** 53 + 2, 1e22, 1e23, -123456789012345],
    ]
    const among = (usual: number): number[] => values.flatMap((value) => [usual, value, usual + 0.25])
    for (const list of [values, among(20.5), among(1e15), ...values.map((value) => [value])]) {
      expect(readingsOf(open(build(series(list)).bytes)).map(({ value }) => value)).toStrictEqual(list)
    }
  })

  it('preserves text as UTF-8 does: a byte order mark stays, a lone surrogate becomes U+FFFD', () => {
    const values = ['\ufeffon', 'on\ufffd', 'on\ud800']
    const readings = series(values).map((reading) => ({ ...reading, metric: 'state\udc00' }))
    const kept = readingsOf(open(build(readings).bytes))
    expect(kept.map(({ value }) => value)).toStrictEqual(['\ufeffon', 'on\ufffd', 'on\ufffd'])
    expect(kept[0]!.metric).toBe('state\ufffd')
  })

  it('lists exactly the positions of its readings, when encoded and when decoded', () => {
    fc.assert(
      fc.property(someReadings, (readings) => {
        const { bytes, ranges, count } = build(readings)
        const expected = [...new SeqSet(readings.map(({ seq }) => ({ first: seq, last: seq })))]
        const batch = open(bytes)
        expect(ranges).toStrictEqual(expected)
        expect(batch.ranges).toStrictEqual(expected)
        expect([count, batch.count]).toStrictEqual([readings.length, readings.length])
      }),
    )
  })

  it('that covers its gaps lists them with its positions, and has the same readings', () => {
    const builder = new BatchBuilder(ORIGIN)
    const readings = series([1, 2, 3]).map((reading, i) => ({ ...reading, seq: 10 + i * i }))
    const batch = open(buildWith(builder, readings, { covers: true }).bytes)
    expect(batch.ranges).toStrictEqual([{ first: 10, last: 14 }])
    expect(batch.count).toBe(3)
    expect(readingsOf(batch)).toStrictEqual(readings)
  })

  it('carries the edge, the epoch and the run, and counts series and devices', () => {
    const builder = new BatchBuilder(ORIGIN)
    const readings = series([1, 2, 3, 4]).map((reading, i) => ({
      ...reading,
      device: i < 3 ? 'a' : 'b',
      metric: `m${i % 2}`,
    }))
    const { bytes, bySeries, deviceCount } = buildWith(builder, readings)
    expect(open(bytes)).toMatchObject(ORIGIN)
    expect({ seriesCount: bySeries.size, deviceCount }).toStrictEqual({ seriesCount: 3, deviceCount: 2 })
  })

  it('contains nothing of the previous batch of its builder', () => {
    const builder = new BatchBuilder(ORIGIN)
    fc.assert(
      fc.property(someReadings, (readings) => {
        expect(buildWith(builder, readings).bytes).toStrictEqual(build(readings).bytes)
        expect(builder.count).toBe(0)
      }),
    )
  })

  it('cannot be built from descending positions, from no readings or from times beyond whole milliseconds', () => {
    const builder = new BatchBuilder(ORIGIN)
    expect(() => builder.build(() => ({ device: 'press-1', metric: 'temperature', unit: 'Cel' }))).toThrow(
      'at least one reading',
    )
    builder.add(0, 5, 0, 1, 1, 0)
    expect(() => builder.add(0, 5, 0, 1, 1, 0)).toThrow('positions of readings ascend')
    expect(() => builder.add(0, 6, 0.5, 1, 1, 0)).toThrow('whole milliseconds')
    expect(() => builder.add(0, 6, 2 ** 51, 1, 1, 0)).toThrow('whole milliseconds')
  })
})
