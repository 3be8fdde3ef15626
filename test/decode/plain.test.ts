import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import { CBOR_DEPTH_MAX, NESTING_MAX, READINGS_PER_MESSAGE_MAX } from '../../src/decode/limits.ts'
import { countJsonReads, onDevice, onlyValue, onMetric, partialOf, readingsOf, reasonOf } from './support.ts'

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
        { metric: 'm', value: 2, ts: 1_700_000_000_000 },
        { metric: 'm', value: 1 },
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
        { metric: 'a.0', value: 1 },
        { metric: 'a.1', value: 2 },
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

describe('a message with one field that is not understood', () => {
  const x128 = 'x'.repeat(129)
  const deep = `${'{"a":'.repeat(13)}1${'}'.repeat(13)}`

  it.each<[string, string, RegExp]>([
    ['a number that is too large', '"b":1e999', /^\$\.b: a number beyond the range of a double$/],
    ['a name that is empty', '"":1', /^\$\[""\]: the metric has an empty name$/],
    [
      'a name with a control character',
      '"a b\\n":1',
      /^\$\["a b\\n"\]: the metric has a name with a control character$/,
    ],
    ['a name that is too long', `"${x128}":1`, /^\$\["x{40}"\]: the metric has a name longer than 128/],
    ['a text with a lone surrogate', '"b":"\\ud800"', /^\$\.b: a text with a lone surrogate$/],
    ['a text that is too long', `"b":"${'x'.repeat(5000)}"`, /^\$\.b: a value of 5000 bytes/],
    ['a part that is nested too deeply', `"b":${deep}`, /^\$\.b(\.a){12}: nested deeper than 12 names$/],
    ['a value of a measurement', '"b":{"value":1e999,"unit":"m"}', /^\$\.b\.value: a number beyond/],
    ['an element of an array', '"b":[1,1e999]', /^\$\.b\[1\]: a number beyond/],
    [
      'two names that become one',
      '"a.b":1,"a":{"b":{"v":2,"t":3}}',
      /^\$\.a\.b(\.v)?: the metric name "a\.b" is already used by \$\["a\.b"\]$/,
    ],
  ])('keeps the others, and names the place: %s', (_name, field, reason) => {
    for (const payload of [`{"ok":1,${field},"last":true}`, `{${field},"last":true,"ok":1}`]) {
      const decoded = onDevice(payload)
      const readings = readingsOf(decoded)
      expect(readings).toContainEqual({ metric: 'ok', value: 1 })
      expect(readings).toContainEqual({ metric: 'last', value: true })
      expect(partialOf(decoded)[0]).toMatch(reason)
    }
  })

  it.each<[string, unknown]>([
    ['{"a":1,"ts":"soon"}', { ts: 'soon', a: 1 }],
    ['{"a":{"v":1,"value":2}}', { a: 2, 'a.v': 1 }],
    ['{"a":{"v":1,"t":1700000000,"ts":1700000001}}', { a: 1, 'a.t': 1_700_000_000 }],
    ['{"a":{"v":1,"u":5}}', { a: 1, 'a.u': 5 }],
    ['{"a":{"v":1,"u":"V","unit":"mV"}}', { a: 1, 'a.u': 'V' }],
    ['{"a":{"v":1,"quality":{"rank":3}}}', { a: 1, 'a.quality.rank': 3 }],
    ['{"a":{"v":1,"backfill":1}}', { a: 1, 'a.backfill': 1 }],
    ['{"a":{"value":{"x":1}}}', { 'a.value.x': 1 }],
    ['{"a":[[1,2],3]}', { 'a.0': 1, 'a.1': 3 }],
  ])('keeps a field that is not what its name promises as a reading: %s', (payload, expected) => {
    const decoded = onDevice(payload)
    const readings = readingsOf(decoded)
    expect(partialOf(decoded)).toEqual([])
    for (const [metric, value] of Object.entries(expected as object)) {
      expect(readings.map((one) => [one.metric, one.value])).toContainEqual([metric, value])
    }
  })

  it('lists the first 32 fields, and counts all', () => {
    const decoded = onDevice(`{"ok":1,${Array.from({ length: 100 }, (_, i) => `"b${i}":1e999`).join()}}`)
    expect(partialOf(decoded)).toHaveLength(32)
    expect(decoded.ok && decoded.partial?.count).toBe(100)
  })
})

describe('a message of which nothing is understood', () => {
  it.each<[string, RegExp]>([
    ['{"a":1', /^\$: not JSON/],
    ['{"a":"\x01"}', /^\$: not JSON/],
    ['{}', /^\$: the payload has no reading$/],
    ['[]', /^\$: the payload has no reading$/],
    ['{"ts":1700000000}', /^\$: the payload has no reading$/],
    ['[1,2]', /^\$\[0\]: expected an object of metrics/],
    ['{"a":1e999}', /^\$\.a: a number beyond the range of a double$/],
  ])('is refused, and the reason names the place: %s', (payload, reason) => {
    expect(reasonOf(onDevice(payload))).toMatch(reason)
  })
})

describe('a message with many readings', () => {
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
    ['100,000 nested objects', nested('{"a":', '1', '}', 100_000), 10 * NESTING_MAX + CBOR_DEPTH_MAX],
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

  it('is a reading only, when another member has a valid time', () => {
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
