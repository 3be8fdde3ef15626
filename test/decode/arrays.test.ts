import { describe, expect, it } from 'vitest'
import { decode } from '../../src/decode/decode.ts'
import { CHANNELS_MAX } from '../../src/decode/limits.ts'
import { bytes, NOW, onDevice, onMetric, partialOf, readingsOf } from './support.ts'

const TS = 1_700_000_000_000
const BAD = { claim: { quality: 4, reasons: 0 } }

/** `[metric, value]` of all readings. */
function pairs(payload: string): unknown[] {
  return readingsOf(onDevice(payload)).map(({ metric, value }) => [metric, value])
}

describe('an array of records', () => {
  it.each<[string, string, unknown]>([
    [
      'id and v',
      '{"values":[{"id":"a.b","v":1},{"id":"c","v":1}]}',
      [
        ['a.b', 1],
        ['c', 1],
      ],
    ],
    [
      'name and value',
      '[{"name":"a","value":1},{"name":"b","value":1}]',
      [
        ['a', 1],
        ['b', 1],
      ],
    ],
    [
      'tag and value',
      '{"d":[{"tag":"x:AI1","value":1},{"tag":"x:AI2","value":1}]}',
      [
        ['x:AI1', 1],
        ['x:AI2', 1],
      ],
    ],
    [
      'n and value',
      '[{"n":"a","value":1},{"n":"b","value":1}]',
      [
        ['a', 1],
        ['b', 1],
      ],
    ],
    [
      'numbers as ids',
      '{"vals":[{"id":101,"val":0},{"id":102,"val":0}]}',
      [
        ['101', 0],
        ['102', 0],
      ],
    ],
    ['NodeId and Value', '[{"NodeId":"ns=2;s=A","Value":{"Value":5}}]', [['ns=2;s=A', 5]]],
    ['key and value', '{"data":[{"key":"a","value":true}]}', [['a', true]]],
    [
      'a named array',
      '{"inputs":[{"id":1,"value":0}],"outputs":[{"id":1,"value":1}]}',
      [
        ['inputs.1', 0],
        ['outputs.1', 1],
      ],
    ],
    [
      'a name and an id',
      '[{"id":7,"name":"a","value":1}]',
      [
        ['a', 1],
        ['a.id', 7],
      ],
    ],
    [
      'other members',
      '{"metrics":[{"name":"a","value":1,"alias":4}]}',
      [
        ['a', 1],
        ['a.alias', 4],
      ],
    ],
    ['a nested array', '{"line":{"tags":[{"name":"a","value":1}]}}', [['line.a', 1]]],
  ])('gives each a series of its own: %s', (_name, payload, expected) => {
    expect(pairs(payload)).toEqual(expected)
  })

  it('takes time, unit and quality from each record, and the time around it for one without', () => {
    const payload = `{"ts":${TS},"values":[{"id":"a","v":1,"t":${TS + 5},"q":"bad","u":"V"},{"id":"b","v":1}]}`
    expect(readingsOf(onDevice(payload))).toEqual([
      { metric: 'a', value: 1, unit: 'V', ts: TS + 5, ...BAD },
      { metric: 'b', value: 1, ts: TS },
    ])
  })

  it('may have several times of one record', () => {
    const payload = `[{"name":"a","value":1,"ts":${TS}},{"name":"a","value":1,"ts":${TS}},{"name":"a","value":2,"ts":${TS + 1}}]`
    expect(pairs(payload)).toEqual([
      ['a', 1],
      ['a', 1],
      ['a', 2],
    ])
  })

  it('puts the names below the metric of the topic, except that metric itself', () => {
    const payload = '[{"name":"m","value":1},{"name":"x","value":2}]'
    expect(readingsOf(onMetric(payload)).map(({ metric }) => metric)).toEqual(['m', 'm.x'])
  })

  it.each<[string, unknown]>([
    [
      '{"time":1700000000,"model":"Nexus-TH","id":42,"temperature_C":20.5}',
      [
        ['model', 'Nexus-TH'],
        ['id', 42],
        ['temperature_C', 20.5],
      ],
    ],
    [
      '[{"id":42,"temperature_C":20.5,"ts":1700000000}]',
      [
        ['id', 42],
        ['temperature_C', 20.5],
      ],
    ],
    [
      '{"id":42,"value":20.5,"battery":3}',
      [
        ['value', 20.5],
        ['id', 42],
        ['battery', 3],
      ],
    ],
    [
      '{"name":"pump","speed":3}',
      [
        ['name', 'pump'],
        ['speed', 3],
      ],
    ],
  ])('is not meant where an id is that of a device, or there is no value: %s', (payload, expected) => {
    expect(pairs(payload)).toEqual(expected)
  })

  it('does not let two arrays share a series', () => {
    for (const payload of [
      '{"values":[{"id":"x","v":0}],"tags":[{"id":"x","v":1}]}',
      '{"tags":[{"id":"x","v":1}],"values":[{"id":"x","v":0}]}',
    ]) {
      const decoded = onDevice(payload)
      expect(readingsOf(decoded)).toEqual([{ metric: 'x', value: 1 }])
      expect(partialOf(decoded)).toEqual([
        expect.stringMatching(/^\$\.values\[0\]\.v: the metric name "x" is already used/),
      ])
    }
  })
})

describe('an array of numbers', () => {
  it('has a series for each element if it is small, whatever is beside it', () => {
    const channels = [
      ['e.p.0', 12],
      ['e.p.1', 0],
    ]
    expect(pairs('{"e":{"p":[12,0]}}')).toEqual(channels)
    expect(pairs('{"e":{"p":[12,0],"q":1}}')).toEqual([...channels, ['e.q', 1]])
    expect(readingsOf(onDevice('{"accel":{"value":[0.1,9.8],"unit":"g","q":"bad"}}'))).toEqual([
      { metric: 'accel.0', value: 0.1, unit: 'g', ...BAD },
      { metric: 'accel.1', value: 9.8, unit: 'g', ...BAD },
    ])
  })

  it('has samples of one series if it is long, or if its name or the topic says so', () => {
    const long = Array(CHANNELS_MAX + 1).fill(0)
    expect(pairs(JSON.stringify({ p: long }))).toEqual(long.map(() => ['p', 0]))
    expect(pairs('{"samples":[0,0]}')).toEqual([
      ['samples', 0],
      ['samples', 0],
    ])
    expect(readingsOf(onMetric('[0,0]')).map(({ metric }) => metric)).toEqual(['m', 'm'])
  })

  it.each([
    '"sampleRate":200',
    '"sample_rate":200',
    '"rateHz":200',
    '"fs":200',
    '"intervalMs":5',
    '"sample_interval_s":0.005',
  ])('has a time for each sample where the rate is given: %s', (rate) => {
    const times = (payload: string): unknown[] => {
      const decoded = onDevice(payload)
      if (!decoded.ok) throw new Error(decoded.reason)
      return decoded.readings.filter(({ metric }) => metric.endsWith('samples')).map(({ ts }) => ts)
    }
    expect(times(`{"ts":${TS},${rate},"samples":[1,2,3]}`)).toEqual([TS, TS + 5, TS + 10])
    expect(times(`{${rate},"x":{"ts":${TS},"samples":[1,2,3]}}`)).toEqual([TS, TS + 5, TS + 10])
    expect(times(`{"samples":[1,2,3],${rate}}`)).toEqual([NOW - 10, NOW - 5, NOW])
  })

  it('has the rate of the route where the payload gives none', () => {
    const rules = { numbers: 'plain', noValueTexts: true, sampleHz: 10 } as const
    const times = (payload: string, metric?: string): number[] => {
      const decoded = decode(bytes(payload), { device: 'd1', metric, rules }, NOW, 'auto')
      if (!decoded.ok) throw new Error(decoded.reason)
      return decoded.readings.map(({ ts }) => ts)
    }
    expect(times(`{"ts":${TS},"samples":[1,2,3]}`)).toEqual([TS, TS + 100, TS + 200])
    expect(times('[1,2,3]', 'm')).toEqual([NOW - 200, NOW - 100, NOW])
    expect(times(`{"ts":${TS},"power":[1,2]}`)).toEqual([TS, TS + 100])
  })

  it('may contain arrays, whose elements are channels', () => {
    expect(pairs('{"a":[[1,2],[3,4]]}')).toEqual([
      ['a.0', 1],
      ['a.1', 2],
      ['a.0', 3],
      ['a.1', 4],
    ])
  })
})

describe('an array of groups', () => {
  it('has several things if they have no time, and several times of the same things if they have', () => {
    expect(pairs('{"inv":[{"p":1},{"p":2}]}')).toEqual([
      ['inv.0.p', 1],
      ['inv.1.p', 2],
    ])
    expect(pairs(`{"inv":[{"p":1,"ts":${TS}},{"p":2,"ts":${TS + 1}}]}`)).toEqual([
      ['inv.p', 1],
      ['inv.p', 2],
    ])
    expect(pairs('{"readings":[{"p":1},{"p":2}]}')).toEqual([
      ['readings.p', 1],
      ['readings.p', 2],
    ])
    expect(pairs('[{"p":1},{"p":2}]')).toEqual([
      ['p', 1],
      ['p', 2],
    ])
  })
})

describe('an object with a value, on a topic that names no metric', () => {
  it.each<[string, unknown]>([
    [`{"value":-9,"quality":"bad","ts":${TS}}`, [{ metric: 'value', value: -9, ts: TS, ...BAD }]],
    [
      '{"value":1,"unit":"V","rssi":3}',
      [
        { metric: 'value', value: 1, unit: 'V' },
        { metric: 'rssi', value: 3 },
      ],
    ],
    ['{"Value":1,"Quality":"bad"}', [{ metric: 'value', value: 1, ...BAD }]],
    ['{"val":1,"qc":0}', [{ metric: 'val', value: 1, ...BAD }]],
    [
      '{"value":1,"status":"bad"}',
      [
        { metric: 'value', value: 1, ...BAD },
        { metric: 'status', value: 'bad' },
      ],
    ],
    [
      '{"value":1,"status":"running"}',
      [
        { metric: 'value', value: 1 },
        { metric: 'status', value: 'running' },
      ],
    ],
    ['{"name":"a","value":1,"q":"bad"}', [{ metric: 'a', value: 1, ...BAD }]],
    [
      '{"value":1,"q":4}',
      [
        { metric: 'value', value: 1 },
        { metric: 'q', value: 4 },
      ],
    ],
    [
      '{"v":230,"q":4}',
      [
        { metric: 'v', value: 230 },
        { metric: 'q', value: 4 },
      ],
    ],
    [
      '{"temp":1,"quality":"bad"}',
      [
        { metric: 'temp', value: 1 },
        { metric: 'quality', value: 'bad' },
      ],
    ],
  ])('has the quality beside it: %s', (payload, expected) => {
    expect(readingsOf(onDevice(payload))).toEqual(expected)
  })
})
