import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { onDevice, onMetric, readingsOf } from '../support.ts'

const SUSPECT = { claim: { quality: 3, reasons: 0 } }
const BAD = { claim: { quality: 4, reasons: 0 } }

describe('several members with a quality', () => {
  it('give the worst of them, in any order', () => {
    const members = fc.uniqueArray(
      fc.constantFrom<[string, unknown, number]>(
        ['quality', 'good', 1],
        ['Quality', 'uncertain', 3],
        ['QUALITY', 'ok', 1],
        ['q', 192, 1],
        ['Q', 'good', 1],
        ['StatusCode', 2147483648, 4],
        ['statusCode', { value: 0 }, 1],
        ['status', 'bad', 4],
        ['Status', 0x4000_0000, 3],
        ['qc', 1, 3],
      ),
      { minLength: 1, selector: ([name]) => name },
    )
    fc.assert(
      fc.property(members, (all) => {
        const payload = JSON.stringify({ value: 1, ...Object.fromEntries(all.map(([name, given]) => [name, given])) })
        expect(readingsOf(onMetric(payload))[0]!.claim).toMatchObject({
          quality: Math.max(...all.map(([, , quality]) => quality)),
        })
      }),
    )
  })

  it('do not hide that one of them calls the value missing', () => {
    expect(readingsOf(onMetric('{"value":-99,"quality":"missing","q":"good"}'))).toEqual([
      { metric: 'm', value: -99, claim: { quality: 4, reasons: Reason.MISSING } },
    ])
  })
})

describe('a quality next to a value', () => {
  it.each([
    '"statusCode":2147483648',
    '"statusCode":{"value":2147483648}',
    '"statusCode":{"name":"Bad"}',
    '"statusCode":{"value":2147483648,"symbol":"Bad"}',
    '"StatusCode":{"Code":2147483648}',
    '"statusCode":"Bad"',
    '"Q":"BAD"',
    '"QUALITY":"bad"',
    '"Quality":0x80000000'.replace('0x80000000', '"0x80000000"'),
  ])('is understood: %s', (quality) => {
    expect(readingsOf(onMetric(`{"value":1,${quality}}`))).toEqual([{ metric: 'm', value: 1, ...BAD }])
  })

  it.each<[string, unknown]>([
    ['status', 2147483648],
    ['Status', 2147483648],
    ['Status', -2147483648],
    ['Status', 'Bad'],
    ['status', '0x80000000'],
  ])('is understood as a status, which stays a reading: %s %j', (name, value) => {
    expect(readingsOf(onMetric(JSON.stringify({ value: 1, [name]: value })))).toEqual([
      { metric: 'm', value: 1, ...BAD },
      { metric: `m.${name}`, value },
    ])
  })

  it.each<[string, unknown]>([
    ['status', 3],
    ['Status', 'running'],
    ['statusCode', 404],
  ])('is not a state of something else: %s %j', (name, value) => {
    expect(readingsOf(onMetric(JSON.stringify({ value: 1, [name]: value })))).toEqual([
      { metric: 'm', value: 1 },
      { metric: `m.${name}`, value },
    ])
  })

  it.each(['fine, I guess', 150, 12.5, -3])(
    'that is not understood makes it suspect, and is a reading: %j',
    (quality) => {
      expect(readingsOf(onMetric(JSON.stringify({ value: 1, quality })))).toEqual([
        { metric: 'm', value: 1, ...SUSPECT },
        { metric: 'm.quality', value: quality },
      ])
    },
  )
})

describe('a quality next to a value that is an object or an array', () => {
  it.each<[string, unknown[]]>([
    ['{"p":{"value":{"x":1,"y":{"z":2}},"quality":"bad"}}', ['p.value.x', 'p.value.y.z']],
    ['{"p":{"value":[{"name":"a","v":1},{"name":"b","v":2}],"quality":"bad"}}', ['p.a', 'p.b']],
    ['{"p":{"value":[{"x":1},{"x":2}],"StatusCode":{"Code":2147483648}}}', ['p.0.x', 'p.1.x']],
    ['{"p":{"value":[[1,2],[3,4]],"q":"bad"}}', ['p.0', 'p.1', 'p.0', 'p.1']],
    ['{"p":{"Value":{"Value":1,"Quality":"good"},"Quality":"bad"}}', ['p']],
  ])('applies to all readings inside: %s', (payload, metrics) => {
    const readings = readingsOf(onDevice(payload)).filter(({ metric }) => !/quality$/i.test(String(metric)))
    expect(readings.map(({ metric }) => metric)).toEqual(metrics)
    for (const { claim } of readings) expect(claim).toEqual(BAD.claim)
  })

  it('does not apply to what is next to them', () => {
    expect(readingsOf(onDevice('{"p":{"value":[1],"q":"bad","rssi":-60}}'))).toContainEqual({
      metric: 'p.rssi',
      value: -60,
    })
  })
})

describe('OPC UA in JSON', () => {
  it('has values with a type in the reversible encoding', () => {
    const payload = '{"P":{"Value":{"Type":11,"Body":0},"StatusCode":{"Code":2147483648}},"T":{"Type":6,"Body":5}}'
    expect(readingsOf(onDevice(payload))).toEqual([
      { metric: 'P', value: 0, ...BAD },
      { metric: 'T', value: 5 },
    ])
    expect(readingsOf(onDevice('{"P":{"Value":{"Type":0,"Body":null}},"T":{"Type":0,"Body":null}}'))).toEqual([
      { metric: 'P', value: null },
      { metric: 'T', value: null },
    ])
  })

  it('has a status for all values of a message', () => {
    const message = (status: unknown): string =>
      JSON.stringify({ Status: status, Payload: { P: { Value: 1 }, T: { Value: 2, StatusCode: { Code: 0 } } } })
    for (const status of [2147483648, { Code: 2147483648 }, 'Bad', '0x80000000']) {
      const readings = readingsOf(onDevice(message(status)))
      expect(readings).toContainEqual({ metric: 'Payload.P', value: 1, ...BAD })
      expect(readings).toContainEqual({ metric: 'Payload.T', value: 2, ...BAD })
    }
    for (const status of [3, 'running', 'error']) {
      expect(readingsOf(onDevice(message(status)))).toContainEqual({ metric: 'Payload.P', value: 1 })
    }
  })
})

describe('`q` next to `v`', () => {
  const metric = (q: number, others = ''): unknown[] => readingsOf(onDevice(`{"L1":{"v":230.1,"q":${q}${others}}}`))

  it.each([150, 12.5, -3, 50, 100])('is a metric if no quality has its number: %d', (q) => {
    expect(metric(q)).toEqual([
      { metric: 'L1', value: 230.1 },
      { metric: 'L1.q', value: q },
    ])
  })

  it.each([0, 4, 150, 192, 2147483648])('is a metric if other plain numbers are next to it: %d', (q) => {
    expect(metric(q, ',"i":5.2,"p":1100')).toEqual([
      { metric: 'L1', value: 230.1 },
      { metric: 'L1.q', value: q },
      { metric: 'L1.i', value: 5.2 },
      { metric: 'L1.p', value: 1100 },
    ])
  })

  it('is a quality otherwise', () => {
    expect(metric(4)).toEqual([{ metric: 'L1', value: 230.1, ...BAD }])
    expect(metric(4, ',"t":1700000000,"rssi":-60')).toEqual([
      { metric: 'L1', value: 230.1, ts: 1_700_000_000_000, ...BAD },
      { metric: 'L1.rssi', value: -60, ts: 1_700_000_000_000 },
    ])
  })

  it('keeps an object that says more than a quality', () => {
    const payload = '{"value":1,"quality":{"code":192,"text":"from cache","age":7}}'
    expect(readingsOf(onMetric(payload))).toEqual([
      { metric: 'm', value: 1, claim: { quality: 1, reasons: 0 } },
      { metric: 'm.quality.code', value: 192 },
      { metric: 'm.quality.text', value: 'from cache' },
      { metric: 'm.quality.age', value: 7 },
    ])
    expect(readingsOf(onMetric('{"value":1,"quality":{"Code":0,"Symbol":"Good"}}'))).toHaveLength(1)
  })
})
