import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { onDevice, onMetric, readingsOf } from '../support.ts'

const S = 1_700_000_000

describe('the time of readings', () => {
  it.each([
    'timeStamp',
    'TimeStamp',
    'sourceTimestamp',
    'ServerTimestamp',
    'serverTimestamp',
    't_stamp',
    'timestamp_ms',
    'observedAt',
    'phenomenonTime',
    'unixtime',
  ])('can be in `%s`, next to a value and in a group', (name) => {
    expect(readingsOf(onMetric(`{"value":1,"${name}":${S}}`))).toEqual([{ metric: 'm', value: 1, ts: S * 1_000 }])
    expect(readingsOf(onDevice(`{"a":1,"${name}":${S}}`))).toEqual([{ metric: 'a', value: 1, ts: S * 1_000 }])
  })

  it('is that of the source before that of the server', () => {
    for (const payload of [
      `{"Value":1,"ServerTimestamp":${S + 5},"SourceTimestamp":${S}}`,
      `{"Value":1,"sourceTimestamp":${S},"serverTimestamp":${S + 5}}`,
    ]) {
      expect(readingsOf(onMetric(payload))[0]).toEqual({ metric: 'm', value: 1, ts: S * 1_000 })
    }
  })

  it('is not that of `unixtime` if another member with the name of a time does not contain one', () => {
    const claim = { quality: 3, reasons: Reason.TIME_INVALID }
    for (const payload of [`{"time":"09:40","unixtime":${S},"a":1}`, `{"unixtime":${S},"a":1,"time":"09:40"}`]) {
      const readings = readingsOf(onDevice(payload))
      expect(readings).toContainEqual({ metric: 'a', value: 1, claim })
      expect(readings).toContainEqual({ metric: 'unixtime', value: S, claim })
      expect(readings).toContainEqual({ metric: 'time', value: '09:40', claim })
    }
  })

  it('can be split into seconds and nanoseconds', () => {
    const split = (nanos: unknown): unknown[] =>
      readingsOf(onMetric(JSON.stringify({ value: 1, timestamp: { timeInSeconds: S, offsetInNanos: nanos } })))
    expect(split(123_999_999)).toEqual([{ metric: 'm', value: 1, ts: S * 1_000 + 123 }])
    expect(split(undefined)).toEqual([{ metric: 'm', value: 1, ts: S * 1_000 }])
    expect(split(1e9)[0]).toMatchObject({ claim: { quality: 3 } })
    expect(split(1e9)).toContainEqual(expect.objectContaining({ metric: 'm.timestamp.timeInSeconds' }))
  })

  it.each([65.5, -20, 1, 9_999])('is not a temperature in `t`: %d', (t) => {
    expect(readingsOf(onMetric(`{"v":1,"t":${t}}`))).toEqual([
      { metric: 'm', value: 1 },
      { metric: 'm.t', value: t },
    ])
  })
})
