import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import { NESTING_MAX, READINGS_PER_MESSAGE_MAX } from '../../src/decode/limits.ts'
import { countJsonReads, onDevice, onlyValue, onMetric, readingsOf, reasonOf } from './support.ts'

const HISTORICAL = { quality: 1, reasons: Reason.HISTORICAL }

describe('JSON on a topic that names the metric', () => {
  it.each<[string, unknown]>([
    ['{"value":21.5,"ts":1700000000123}', [{ metric: 'm', value: 21.5, ts: 1_700_000_000_123 }]],
    ['{"v":true,"t":1700000000}', [{ metric: 'm', value: true, ts: 1_700_000_000_000 }]],
    [
      '{"unit":"Cel","time":"2023-11-14T22:13:20Z","value":"on"}',
      [{ metric: 'm', value: 'on', unit: 'Cel', ts: 1_700_000_000_000 }],
    ],
    ['{"v":1,"u":"","timestamp":null,"quality":null}', [{ metric: 'm', value: 1 }]],
    ['{"value":null}', [{ metric: 'm', value: null }]],
    ['{"value":1,"quality":"bad"}', [{ metric: 'm', value: 1, claim: { quality: 4, reasons: 0 } }]],
    ['{"value":1,"backfill":true}', [{ metric: 'm', value: 1, claim: HISTORICAL }]],
    ['{"value":1,"historical":false}', [{ metric: 'm', value: 1 }]],
    [
      '[1,{"v":2,"t":1700000000},true]',
      [
        { metric: 'm', value: 1 },
        { metric: 'm', value: 2, ts: 1_700_000_000_000 },
        { metric: 'm', value: true },
      ],
    ],
    [
      '{"temperature":1,"inner":{"x":2}}',
      [
        { metric: 'm.temperature', value: 1 },
        { metric: 'm.inner.x', value: 2 },
      ],
    ],
  ])('gives the expected readings: %s', (payload, readings) => {
    expect(readingsOf(onMetric(payload))).toEqual(readings)
  })

  it('keeps the entries next to a value as readings below the metric, with the same time', () => {
    const ts = 1_700_000_000_123
    expect(readingsOf(onMetric(`{"battery":88,"value":1,"ts":${ts},"q":"bad"}`))).toEqual([
      { metric: 'm', value: 1, ts, claim: { quality: 4, reasons: 0 } },
      { metric: 'm.battery', value: 88, ts },
    ])
  })
})

describe('JSON on a topic that names only the device', () => {
  it.each<[string, unknown]>([
    [
      '{"a":1,"b":"x","c":null}',
      [
        { metric: 'a', value: 1 },
        { metric: 'b', value: 'x' },
        { metric: 'c', value: null },
      ],
    ],
    [
      '{"a":21.5,"b":{"value":40,"unit":"%RH"},"ts":1700000000}',
      [
        { metric: 'a', value: 21.5, ts: 1_700_000_000_000 },
        { metric: 'b', value: 40, unit: '%RH', ts: 1_700_000_000_000 },
      ],
    ],
    ['{"t":1,"v":2,"u":3,"q":4}', ['t', 'v', 'u', 'q'].map((metric, i) => ({ metric, value: i + 1 }))],
    ['{"a":{"b":{"c":{"d":1}}}}', [{ metric: 'a.b.c.d', value: 1 }]],
    [
      '[{"a":1,"ts":1700000000},{"a":2,"time":"1700000001"}]',
      [
        { metric: 'a', value: 1, ts: 1_700_000_000_000 },
        { metric: 'a', value: 2, ts: 1_700_000_001_000 },
      ],
    ],
    [
      '{"ts":1700000000,"a":{"v":1,"t":1700000005},"g":{"time":1700000009,"x":1}}',
      [
        { metric: 'a', value: 1, ts: 1_700_000_005_000 },
        { metric: 'g.x', value: 1, ts: 1_700_000_009_000 },
      ],
    ],
    [
      '{"a":[{"v":1},{"v":2}]}',
      [
        { metric: 'a', value: 1 },
        { metric: 'a', value: 2 },
      ],
    ],
    [
      '{"historical":true,"a":1,"b":{"v":2,"backfill":false}}',
      [
        { metric: 'a', value: 1, claim: HISTORICAL },
        { metric: 'b', value: 2 },
      ],
    ],
    [' \n{"a":1}', [{ metric: 'a', value: 1 }]],
  ])('gives the expected readings: %s', (payload, readings) => {
    expect(readingsOf(onDevice(payload))).toEqual(readings)
  })

  it('accepts __proto__ and constructor as ordinary names', () => {
    const readings = readingsOf(onDevice('{"__proto__":{"value":1},"constructor":2,"toString":{"hasOwnProperty":3}}'))
    expect(readings.map(({ metric, value }) => [metric, value])).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
      ['toString.hasOwnProperty', 3],
    ])
    expect(({} as Record<string, unknown>).value).toBeUndefined()
  })
})

describe('a message with one bad item', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    [
      '[{"a":1},{"a":2},{"a":3},{"humidity":{"value":{}}}]',
      /^\$\[3\]\.humidity\.value: expected a value, found an object$/,
    ],
    ['{"a":1,"b":1e999}', /^\$\.b: a number beyond the range of a double$/],
    ['{"a":{"v":1,"value":2}}', /^\$\.a\.value: a second value$/],
    ['{"a":{"v":1,"t":1700000000,"ts":1700000001}}', /^\$\.a\.ts: a second time$/],
    ['{"a":{"v":1,"backfill":1}}', /^\$\.a\.backfill: expected true or false/],
    ['{"a":[[1]]}', /^\$\.a\[0\]: an array inside an array$/],
    ['[{"a":1},2]', /^\$\[1\]: expected an object of metrics, found a number/],
    ['{"a":{"b":{"c":{"d":{"e":1}}}}}', /^\$\.a\.b\.c\.d\.e: nested deeper than 4/],
    ['{"":1}', /^\$\[""\]: the metric has an empty name$/],
    ['{"a b\\n":1}', /^\$\["a b\\n"\]: the metric has a name with a control character$/],
    [`{"${'x'.repeat(129)}":1}`, /the metric has a name longer than 128/],
    ['{"a":"\\ud800"}', /^\$\.a: a text with a lone surrogate$/],
    [`{"a":"${'x'.repeat(5000)}"}`, /^\$\.a: a value of 5000 bytes/],
    ['{"a":1', /^\$: not JSON/],
    ['{"a":"\x01"}', /^\$: not JSON/],
    ['{}', /^\$: the payload has no reading$/],
    ['[]', /^\$: the payload has no reading$/],
    ['{"ts":1700000000}', /^\$: the payload has no reading$/],
    ['[1,2]', /^\$\[0\]: expected an object of metrics/],
  ]
  const named = bad.map(([payload, reason]) => [payload.slice(0, 60), payload, reason] as const)

  it.each(named)('is refused as a whole, and the reason names the place: %s', (_name, payload, reason) => {
    expect(reasonOf(onDevice(payload))).toMatch(reason)
  })

  it('is refused when it contains more than 10,000 readings', () => {
    const items = (count: number): string => `[${Array(count).fill('{"a":1}').join()}]`
    expect(readingsOf(onDevice(items(10_000)))).toHaveLength(10_000)
    expect(reasonOf(onDevice(items(10_001)))).toMatch(/more than 10000 readings/)
    expect(reasonOf(onDevice(`[${Array(10_000).fill('{"a":1,"b":2}').join()}]`))).toMatch(/\$\[5000\].*more than 10000/)
  })

  it('is refused when it is not UTF-8', () => {
    expect(reasonOf(onDevice(Buffer.from('{"a":"\xff"}', 'latin1')))).toBe('$: not UTF-8')
  })
})

describe('a JSON message that is too large or nested too deeply', () => {
  const nested = (open: string, inner: string, close: string, depth: number): string =>
    open.repeat(depth) + inner + close.repeat(depth)
  const metrics = Array.from({ length: 90_000 }, (_, i) => `"m${i}":1`)

  it.each<[string, string, number]>([
    ['500,000 nested arrays', nested('[', '', ']', 500_000), 10 * NESTING_MAX],
    ['100,000 nested objects', nested('{"a":', '1', '}', 100_000), 10 * NESTING_MAX],
    ['100,000 nested objects without an end', '{"a":'.repeat(100_000), 0],
    ['50,000 long integers in nested arrays', nested('[1234567890123456,', '1', ']', 50_000), 0],
    ['50,000 long integers in nested arrays without an end', '[1234567890123456,'.repeat(50_000), 0],
    ['400,000 objects in an array', `[${Array(400_000).fill('{"a":1}').join()}]`, 4 * 400_000],
    ['90,000 metrics in an object', `{${metrics.join()}}`, 2 * READINGS_PER_MESSAGE_MAX],
  ])('is refused after a limited number of reads: %s', (_name, payload, readsMax) => {
    const { result, reads } = countJsonReads(() => onDevice(payload))
    expect(result.ok).toBe(false)
    expect(reads).toBeLessThanOrEqual(readsMax)
  })
})

describe('numbers in JSON', () => {
  it('keep every bit of a double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = JSON.stringify(number)
        const kept = /^-?\d{16,}$/.test(text) && Math.abs(number) > 2 ** 53 ? text : JSON.parse(text)
        expect(onlyValue(onMetric(`{"value":${text}}`))).toBe(kept)
      }),
      { numRuns: 2_000 },
    )
  })

  it('keep every digit of an integer, whatever else the object contains', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (integer) => {
        const exact = integer >= -(2n ** 53n) && integer <= 2n ** 53n ? Number(integer) : integer.toString()
        const readings = readingsOf(onDevice(`{"x":0.30000000000000004,"a":${integer},"b":{"v":${integer}}}`))
        expect(readings.map(({ value }) => value)).toEqual(
          [0.30000000000000004, exact, exact].map((v) => (v === 0 ? 0 : v)),
        )
      }),
    )
  })
})

describe('a member that is not what its name says', () => {
  const flagged = { quality: 3, reasons: Reason.TIME_INVALID }

  it('is a reading of its own when it is no time, and all readings get the time of their arrival and a mark', () => {
    expect(readingsOf(onDevice('{"time":12.5,"temp":21.5,"in":{"hum":45}}'))).toEqual([
      { metric: 'time', value: 12.5, claim: flagged },
      { metric: 'temp', value: 21.5, claim: flagged },
      { metric: 'in.hum', value: 45, claim: flagged },
    ])
    expect(readingsOf(onMetric('{"value":1,"ts":"09:40"}'))).toEqual([
      { metric: 'm', value: 1, claim: flagged },
      { metric: 'm.ts', value: '09:40', claim: flagged },
    ])
  })

  it('does not mark readings that have a time of their own', () => {
    expect(readingsOf(onDevice('{"ts":0,"temp":{"v":21.5,"ts":1700000000},"hum":45}'))).toEqual([
      { metric: 'ts', value: 0, claim: flagged },
      { metric: 'temp', value: 21.5, ts: 1_700_000_000_000 },
      { metric: 'hum', value: 45, claim: flagged },
    ])
  })

  it('is not counted as a time next to a right one', () => {
    expect(readingsOf(onDevice('{"time":"09:40","timestamp":1700000000,"temp":21.5}'))).toEqual([
      { metric: 'time', value: '09:40', ts: 1_700_000_000_000 },
      { metric: 'temp', value: 21.5, ts: 1_700_000_000_000 },
    ])
  })

  it.each<[string, unknown]>([
    ['5', 5],
    ['"C\\u0000"', 'C\0'],
    ['"C\\u0085"', 'C\u0085'],
    [`"${'x'.repeat(65)}"`, 'x'.repeat(65)],
  ])('is a reading of its own when it is no unit: %s', (unit, kept) => {
    expect(readingsOf(onDevice(`{"a":{"value":1,"unit":${unit}}}`))).toEqual([
      { metric: 'a', value: 1 },
      { metric: 'a.unit', value: kept },
    ])
  })
})
