import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { onDevice, readingsOf } from '../support.ts'

const TS = 1_700_000_000_000
const UUIDS = ['6f1b3e0c-1111-2222-3333-444455556666', '6f1b3e0c-1111-2222-3333-444455556667']

/** Metrics and values of the numbers in the payload, except identifiers and times. */
function numbers(payload: unknown): unknown[] {
  return readingsOf(onDevice(JSON.stringify(payload)))
    .filter(({ metric, value }) => typeof value === 'number' && !/(\.id|Id|timestamp)$/.test(String(metric)))
    .map(({ metric, value }) => [metric, value])
}

describe('elements of an array that are different things', () => {
  it.each<[string, unknown, unknown[]]>([
    [
      'a batch of Telegraf',
      {
        metrics: [
          { fields: { idle: 1 }, name: 'cpu', tags: { cpu: 'cpu0', host: 'h' }, timestamp: TS },
          { fields: { idle: 2 }, name: 'cpu', tags: { cpu: 'cpu1', host: 'h' }, timestamp: TS },
          { fields: { used: 3 }, name: 'mem', tags: { host: 'h' }, timestamp: TS },
        ],
      },
      [
        ['metrics.cpu.cpu0.fields.idle', 1],
        ['metrics.cpu.cpu1.fields.idle', 2],
        ['metrics.mem.fields.used', 3],
      ],
    ],
    [
      'meters with one time',
      {
        meters: [
          { power: 1, is_valid: true, timestamp: TS },
          { power: 2, is_valid: true, timestamp: TS },
        ],
      },
      [
        ['meters.0.power', 1],
        ['meters.1.power', 2],
      ],
    ],
    [
      'data sets of several writers',
      {
        Messages: [
          { DataSetWriterId: 1, Timestamp: TS, Payload: { T: { Value: 1 } } },
          { DataSetWriterId: 2, Timestamp: TS + 1, Payload: { T: { Value: 2 } } },
        ],
      },
      [
        ['Messages.1.Payload.T', 1],
        ['Messages.2.Payload.T', 2],
      ],
    ],
    [
      'neighbours of a gateway, with different times',
      {
        devices: [
          { mac: 'AA', ts: TS, temp: 1 },
          { mac: 'BB', ts: TS + 1, temp: 2 },
        ],
      },
      [
        ['devices.AA.temp', 1],
        ['devices.BB.temp', 2],
      ],
    ],
    ['the only neighbour', { devices: [{ mac: 'AA', ts: TS, temp: 1 }] }, [['devices.AA.temp', 1]]],
    [
      'values with a number that is another one in each message',
      {
        sensordatavalues: [
          { id: 71, value_type: 'P1', value: 1 },
          { id: 72, value_type: 'P2', value: 2 },
        ],
      },
      [
        ['sensordatavalues.P1', 1],
        ['sensordatavalues.P2', 2],
      ],
    ],
    [
      'values that only their type names',
      {
        external: [
          { unique_id: UUIDS[0], type: 'gas', timestamp: TS, value: 1 },
          { unique_id: UUIDS[1], type: 'water', timestamp: TS, value: 2 },
        ],
      },
      [
        ['external.gas', 1],
        ['external.water', 2],
      ],
    ],
    [
      'values with a UUID',
      {
        vals: [
          { id: UUIDS[0], label: 'x', value: 1 },
          { id: UUIDS[1], label: 'y', value: 2 },
        ],
      },
      [
        ['x', 1],
        ['y', 2],
      ],
    ],
    [
      'a name that no list has',
      {
        pumps: [
          { ort: 'Halle', speed: 1 },
          { ort: 'Keller', speed: 2 },
        ],
      },
      [
        ['pumps.Halle.speed', 1],
        ['pumps.Keller.speed', 2],
      ],
    ],
    [
      'numbered values with equal states',
      {
        outs: [
          { id: 1, state: 'on', value: 1 },
          { id: 2, state: 'off', value: 2 },
        ],
      },
      [
        ['outs.1', 1],
        ['outs.2', 2],
      ],
    ],
    [
      'the outermost array with one time',
      [
        { a: 1, ts: TS },
        { a: 2, ts: TS },
      ],
      [
        ['0.a', 1],
        ['1.a', 2],
      ],
    ],
    [
      'the outermost array with a name',
      [
        { sensor: 'a', temp: 1 },
        { sensor: 'b', temp: 2 },
      ],
      [
        ['a.temp', 1],
        ['b.temp', 2],
      ],
    ],
    [
      'groups of a batch with a text like a name',
      {
        data: [
          { sensorName: 'a', temp: 1 },
          { sensorName: 'b', temp: 2 },
        ],
      },
      [
        ['data.a.temp', 1],
        ['data.b.temp', 2],
      ],
    ],
    [
      'values of a batch with a text like a name',
      {
        data: [
          { point_label: 'a', value: 1 },
          { point_label: 'b', value: 2 },
        ],
      },
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
    [
      'values without a name',
      { a: [{ v: 1 }, { v: 2 }] },
      [
        ['a.0', 1],
        ['a.1', 2],
      ],
    ],
    [
      'several things at several times',
      {
        inv: [
          { ts: TS, p: 1 },
          { ts: TS, p: 2 },
          { ts: TS + 1, p: 3 },
          { ts: TS + 1, p: 4 },
        ],
      },
      [
        ['inv.0.p', 1],
        ['inv.1.p', 2],
        ['inv.0.p', 3],
        ['inv.1.p', 4],
      ],
    ],
  ])('have series of their own: %s', (_name, payload, expected) => {
    expect(numbers(payload)).toEqual(expected)
  })

  it('never share a series at one time, whatever members they have', () => {
    const element = fc.record(
      {
        p: fc.integer({ min: 1, max: 9 }),
        ts: fc.constantFrom(TS, TS + 1_000),
        name: fc.constantFrom('a', 'b', ''),
        mac: fc.constantFrom('A', 'B', UUIDS[0]),
        type: fc.constantFrom('x', 'y'),
        ort: fc.constantFrom('hier', 'dort'),
        DataSetWriterId: fc.constantFrom(1, 2),
      },
      { requiredKeys: ['p'] },
    )
    fc.assert(
      fc.property(fc.array(element, { minLength: 2, maxLength: 6 }), (list) => {
        const readings = readingsOf(onDevice(JSON.stringify({ list_: list }))).filter(({ metric }) =>
          String(metric).endsWith('.p'),
        )
        expect(readings).toHaveLength(list.length)
        const times = new Set(list.map(({ ts }) => ts ?? 0))
        const counts = [...times].map((ts) => list.filter((one) => (one.ts ?? 0) === ts).length)
        // Several readings at one time among others with other times are samples with coarse times.
        fc.pre(times.size === 1 || counts.every((count) => count === counts[0]))
        expect(new Set(readings.map(({ metric, ts }) => `${metric} ${ts ?? 0}`)).size).toBe(list.length)
      }),
      { numRuns: 500 },
    )
  })
})
