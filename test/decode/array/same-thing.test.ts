import { describe, expect, it } from 'vitest'
import { onDevice, onMetric, readingsOf } from '../support.ts'

const TS = 1_700_000_000_000

/** Metrics and values of the numbers in the payload, except identifiers and times. */
function numbers(payload: unknown): unknown[] {
  return readingsOf(onDevice(JSON.stringify(payload)))
    .filter(({ metric, value }) => typeof value === 'number' && !/(\.id|Id|timestamp)$/.test(String(metric)))
    .map(({ metric, value }) => [metric, value])
}

describe('elements of an array that are several times of the same thing', () => {
  it.each<[string, unknown, unknown[]]>([
    [
      'groups with different times',
      {
        inv: [
          { p: 1, ts: TS },
          { p: 2, ts: TS + 1 },
        ],
      },
      [
        ['inv.p', 1],
        ['inv.p', 2],
      ],
    ],
    [
      'a batch without times',
      { readings: [{ p: 1 }, { p: 2 }] },
      [
        ['readings.p', 1],
        ['readings.p', 2],
      ],
    ],
    [
      'the history of one sensor',
      [
        { sensor: 'a', temp: 1, ts: TS },
        { sensor: 'a', temp: 2, ts: TS + 1 },
      ],
      [
        ['temp', 1],
        ['temp', 2],
      ],
    ],
    [
      'values with coarse times',
      { a: [1, 1, 2].map((s, i) => ({ t: 1_700_000_000 + s, v: i })) },
      [
        ['a', 0],
        ['a', 1],
        ['a', 2],
      ],
    ],
    [
      'values with units and qualities',
      {
        a: [
          { t: TS, v: 1, u: 'V', q: 'good' },
          { t: TS + 1, v: 2, u: 'V', q: 'bad' },
        ],
      },
      [
        ['a', 1],
        ['a', 2],
      ],
    ],
  ])('share its series: %s', (_name, payload, expected) => {
    expect(numbers(payload)).toEqual(expected)
  })

  it('are all values of the metric that the topic names', () => {
    const payload = `[{"value":1,"ts":${TS}},{"value":2,"ts":${TS}}]`
    expect(readingsOf(onMetric(payload)).map(({ metric }) => metric)).toEqual(['m', 'm'])
  })
})
