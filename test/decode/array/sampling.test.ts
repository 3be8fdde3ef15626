import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { decode } from '../../../src/decode/decode.ts'
import { bytes, NOW, onDevice, readingsOf } from '../support.ts'

const TS = 1_700_000_000_000
const timesOf = (payload: string, metric = 'x', sampleHz?: number): unknown[] => {
  const rules = { zone: undefined, numbers: 'plain', noValueTexts: true, sampleHz } as const
  const decoded = decode(bytes(payload), { device: 'd1', metric: undefined, rules }, NOW, 'auto')
  if (!decoded.ok) throw new Error(decoded.reason)
  return decoded.readings.filter((one) => one.metric === metric).map(({ ts }) => ts)
}

describe('a rate next to an array', () => {
  it.each([
    '"sampleRate":1000',
    '"sampleRate":"1000"',
    '"sampleRate":"1 kHz"',
    '"sampleRate":"1000Hz"',
    '"samplingFrequency":1000',
    '"sampling_frequency":{"value":1,"unit":"kHz"}',
    '"rate":{"value":1000}',
    '"fs":"1e3"',
    '"intervalMs":"1"',
  ])('gives the samples their times, however few they are: %s', (rate) => {
    expect(timesOf(`{"ts":${TS},${rate},"x":[7,8]}`)).toEqual([TS, TS + 1])
  })

  it.each(['"sampleRate":0', '"sampleRate":"fast"', '"sampling_rate":-5', '"samplingFrequency":{}', '"intervalMs":0'])(
    'that cannot be read marks the times of the samples: %s',
    (rate) => {
      const claim = { quality: 3, reasons: Reason.TIME_INVALID }
      const readings = readingsOf(onDevice(`{"ts":${TS},${rate},"x":[7,8]}`))
      expect(readings.filter(({ metric }) => metric === 'x')).toEqual(
        [7, 8].map((value) => ({ metric: 'x', value, ts: TS, claim })),
      )
    },
  )

  it.each(['"sampleRate":null', '"rate":"slow"', '"fs":"ext4"', '"interval":5'])('is not given by %s', (member) => {
    expect(readingsOf(onDevice(`{${member},"x":[7,8]}`)).filter(({ claim }) => claim !== undefined)).toEqual([])
    expect(readingsOf(onDevice(`{${member},"x":[7,8]}`))).toContainEqual({ metric: 'x.0', value: 7 })
  })

  it('gives rows and groups the times of their rows', () => {
    const payload = `{"ts":${TS},"sampleRate":10,"rows":[[1,2,3],[4,5,6]],"o":[{"x":1,"y":2},{"x":3,"y":4}]}`
    for (const metric of ['rows.0', 'rows.2', 'o.x', 'o.y']) expect(timesOf(payload, metric)).toEqual([TS, TS + 100])
    expect(timesOf(`{"ts":${TS},"rows":[[1,2],[3,4]],"o":[{"x":1},{"x":2}]}`, 'rows.1', 10)).toEqual([TS, TS + 100])
    expect(timesOf('[{"x":1},{"x":2}]', 'x', 10)).toEqual([NOW - 100, NOW])
  })

  it('gives the samples of a few channels their times', () => {
    const channel = Array.from({ length: 20 }, (_, i) => i)
    const payload = JSON.stringify({ ts: TS, fs: 1000, a: [channel, channel] })
    for (const metric of ['a.0', 'a.1']) expect(timesOf(payload, metric)).toEqual(channel.map((i) => TS + i))
  })

  it('gives no time to elements that have one, or a name', () => {
    const payload = `{"fs":10,"a":[{"v":1,"t":${TS}},{"v":2,"t":${TS + 5}}],"b":[{"name":"x","v":1},{"name":"y","v":2}]}`
    expect(timesOf(payload, 'a')).toEqual([TS, TS + 5])
    expect(timesOf(payload, 'b.x')).toEqual([NOW])
  })
})
