import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import { decode } from '../../src/decode/decode.ts'
import { bytes, NOW, onDevice, onMetric, partialOf, readingsOf, reasonOf } from './support.ts'

const at = (seconds: number): number => Math.floor(seconds * 1000)
const T_5_1_2 = 1_276_020_076_001
const CURRENTS = [
  { metric: 'current', unit: 'A', value: 1.2, ts: T_5_1_2 - 5000 },
  { metric: 'current', unit: 'A', value: 1.3, ts: T_5_1_2 - 4000 },
  { metric: 'current', unit: 'A', value: 1.4, ts: T_5_1_2 - 3000 },
  { metric: 'current', unit: 'A', value: 1.5, ts: T_5_1_2 - 2000 },
  { metric: 'current', unit: 'A', value: 1.6, ts: T_5_1_2 - 1000 },
  { metric: 'current', unit: 'A', value: 1.7, ts: T_5_1_2 },
]
const MOBILE = [
  ['%RH', 0, 20],
  ['lon', 0, 24.30621],
  ['lat', 0, 60.07965],
  ['%RH', 60, 20.3],
  ['lon', 60, 24.30622],
  ['lat', 60, 60.07965],
  ['%RH', 120, 20.7],
  ['lon', 120, 24.30623],
  ['lat', 120, 60.07966],
  ['%EL', 150, 98],
  ['%RH', 180, 21.2],
  ['lon', 180, 24.30628],
  ['lat', 180, 60.07967],
] as const
const MOBILE_READINGS = MOBILE.map(([unit, t, value]) => ({ metric: unit, unit, value, ts: at(1_320_067_464 + t) }))
const THERMOSTAT = `[{"bn":"urn:dev:ow:10e2073a01080063:"},{"n":"temp","u":"Cel","v":23.1},
  {"n":"heat","u":"/","v":1},{"n":"fan","u":"/","v":0}]`

describe('the examples of RFC 8428', () => {
  it('are read: a single data point, whose unit is the metric when the topic has none (§5.1.1)', () => {
    const pack = '[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]'
    expect(readingsOf(onDevice(pack))).toEqual([{ metric: 'Cel', unit: 'Cel', value: 23.1 }])
    expect(readingsOf(onMetric(pack))).toEqual([{ metric: 'm', unit: 'Cel', value: 23.1 }])
  })

  it('are read: multiple data points at the time of arrival (§5.1.2)', () => {
    const pack = `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
      {"n":"current","u":"A","v":1.2}]`
    expect(readingsOf(onDevice(pack))).toEqual([
      { metric: 'voltage', unit: 'V', value: 120.1 },
      { metric: 'current', unit: 'A', value: 1.2 },
    ])
  })

  it('are read: multiple data points in the past (§5.1.2)', () => {
    const pack = `[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
      "n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},
      {"n":"current","t":-3,"v":1.4},{"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},
      {"n":"current","v":1.7}]`
    expect(readingsOf(onDevice(pack))).toEqual([
      { metric: 'voltage', unit: 'V', value: 120.1, ts: T_5_1_2 },
      ...CURRENTS,
    ])
  })

  it('are read: a mobile device whose parameters differ only by the unit (§5.1.3)', () => {
    const [first, ...rest] = MOBILE.map(([u, t, v]) => ({ ...(u === '%RH' ? {} : { u }), ...(t ? { t } : {}), v }))
    const pack = [{ bn: 'urn:dev:ow:10e2073a01080063', bt: 1.320067464e9, bu: '%RH', ...first }, ...rest]
    expect(readingsOf(onDevice(JSON.stringify(pack)))).toEqual(MOBILE_READINGS)
  })

  it('are read: the resolved form of that pack (§5.1.4)', () => {
    const pack = MOBILE.map(([u, t, v]) => ({ n: 'urn:dev:ow:10e2073a01080063', u, t: 1.320067464e9 + t, v }))
    expect(readingsOf(onDevice(JSON.stringify(pack)))).toEqual(MOBILE_READINGS)
  })

  it('are read: multiple data types (§5.1.5)', () => {
    const pack = `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
      {"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfv-reader","vd":"aGkgCg"}]`
    expect(readingsOf(onDevice(pack))).toEqual([
      { metric: 'temp', unit: 'Cel', value: 23.1 },
      { metric: 'label', value: 'Machine Room' },
      { metric: 'open', value: false },
      { metric: 'nfv-reader', value: new Uint8Array(Buffer.from('hi \n')) },
    ])
  })

  it('are read: a collection of devices with distinct names (§5.1.6)', () => {
    const pack = `[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},
      {"n":"humidity","u":"%RH","v":30},{"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
      {"n":"humidity","u":"%RH","v":67}]`
    const names = (device: string): unknown =>
      readingsOf(decode(bytes(pack), { device, metric: undefined }, NOW, 'auto')).map(({ metric }) => metric)
    const foreign = ['2001:db8::1/temperature', '2001:db8::1/humidity']
    expect(names('gateway')).toEqual(['2001:db8::2/temperature', '2001:db8::2/humidity', ...foreign])
    expect(names('2001:db8::2')).toEqual(['temperature', 'humidity', ...foreign])
  })

  it('are read: a record of base fields that apply to the following records (§5.1.7)', () => {
    expect(readingsOf(onDevice(THERMOSTAT))).toEqual([
      { metric: 'temp', unit: 'Cel', value: 23.1 },
      { metric: 'heat', unit: '/', value: 1 },
      { metric: 'fan', unit: '/', value: 0 },
    ])
  })

  it('are read: actuators at a time in the future (§5.1.7)', () => {
    const pack = `[{"bt":1.320078429e+09,"bu":"/","n":"2001:db8::3","v":0.5},{"n":"2001:db8::4","v":0.5},
      {"n":"2001:db8::3","t":0.1,"v":0},{"n":"2001:db8::4","t":0.1,"v":0}]`
    expect(readingsOf(onDevice(pack)).map(({ metric, ts }) => [metric, ts])).toEqual([
      ['2001:db8::3', 1_320_078_429_000],
      ['2001:db8::4', 1_320_078_429_000],
      ['2001:db8::3', 1_320_078_429_100],
      ['2001:db8::4', 1_320_078_429_100],
    ])
  })

  it('are read: the CBOR form (§6)', () => {
    const pack = Buffer.from(
      `87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c74616765
       01615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccd
       a3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff9999999
       99999aa3006763757272656e74060002fb3ffb333333333333`.replace(/\s/g, ''),
      'hex',
    )
    const voltage = { metric: 'voltage', unit: 'V', value: 120.1, ts: T_5_1_2 }
    expect(readingsOf(onDevice(pack))).toEqual([voltage, ...CURRENTS])
  })
})

describe('SenML', () => {
  const values = (pack: unknown): unknown => readingsOf(onDevice(JSON.stringify(pack)))

  it('adds the base value and base sum, and uses them for a missing value or sum', () => {
    expect(values([{ bn: 'a', bv: 10, v: 1 }, { n: 'b' }, { bv: 20, v: -1.5 }])).toEqual([
      { metric: 'a', value: 11 },
      { metric: 'ab', value: 10 },
      { metric: 'a', value: 18.5 },
    ])
    expect(
      values([
        { n: 'a', bs: 100, s: 5 },
        { n: 'b', v: 1 },
      ]),
    ).toEqual([
      { metric: 'a.sum', value: 105 },
      { metric: 'b', value: 1 },
      { metric: 'b.sum', value: 100 },
    ])
  })

  it('makes a sum a separate reading with its own unit', () => {
    expect(
      values([
        { n: 'power', u: 'W', v: 5, s: 7200 },
        { n: 'power', u: 'W', s: 7300 },
      ]),
    ).toEqual([
      { metric: 'power', unit: 'W', value: 5 },
      { metric: 'power.sum', unit: 'W.s', value: 7200 },
      { metric: 'power.sum', unit: 'W.s', value: 7300 },
    ])
  })

  it('reads times below 2^28 as relative to the arrival, and others as absolute', () => {
    expect(values([{ n: 'a', t: -1.5, v: 1 }])).toEqual([{ metric: 'a', value: 1, ts: NOW - 1500 }])
    expect(values([{ n: 'a', t: 2 ** 28 - 1, v: 1 }])).toEqual([{ metric: 'a', value: 1, ts: NOW + 268_435_455_000 }])
    expect(values([{ n: 'a', t: 1_000_000_000, v: 1 }])).toEqual([{ metric: 'a', value: 1, ts: 1_000_000_000_000 }])
    expect(values([{ bn: 'a', bt: 1_700_000_000, t: -0.001, v: 1 }])).toEqual([
      { metric: 'a', value: 1, ts: 1_699_999_999_999 },
    ])
    expect(values([{ n: 'a', t: 0, v: 1 }])).toEqual([{ metric: 'a', value: 1 }])
  })

  it.each([1e12, -1e10, -1e9, 2 ** 28])(
    'gives a reading with the impossible time %d that of its arrival, marks it, and keeps that time',
    (t) => {
      const claim = { quality: 3, reasons: Reason.TIME_INVALID }
      const [value, time] = [
        { metric: 'a', value: 1, claim },
        { metric: 'a.t', value: t, claim },
      ]
      expect(values([{ bn: '', n: 'a', t, v: 1 }])).toEqual([value, time])
    },
  )

  it('keeps a reading whose unit cannot be stored, without the unit', () => {
    expect(values([{ n: 'a', u: 'C\0', v: 1 }])).toEqual([{ metric: 'a', value: 1 }])
  })

  it('keeps the digits of a large integer', () => {
    expect(readingsOf(onDevice('[{"n":"a","v":12345678901234567890}]'))[0]!.value).toBe('12345678901234567890')
  })

  it('ignores unknown fields, except those that must be understood', () => {
    expect(values([{ bn: 'a', v: 1, extra: 5 }])).toEqual([{ metric: 'a', value: 1 }])
    expect(reasonOf(onDevice('[{"n":"a","v":1},{"n":"a","v":1,"extra_":5}]'))).toMatch(
      /^\$\[1\]\.extra_: .* must be understood/,
    )
  })

  it.each<[string, string, string]>([
    ['d1/temp', 'd1', 'temp'],
    ['d1:temp', 'd1', 'temp'],
    ['d10/temp', 'd1', 'd10/temp'],
    ['urn:dev:mac:0024befffe804ff1/temp', 'd1', 'temp'],
    ['urn:dev:os:32473-123456_temp', 'd1', 'temp'],
    ['urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6:temp', 'd1', 'temp'],
    ['urn:dev:ow:1:temp', 'urn:dev:ow:1', 'temp'],
    ['/3303/0/5700', 'd1', '/3303/0/5700'],
    ['temp', 'd1', 'temp'],
    ['d1', 'd1', 'value'],
  ])('removes the device from the start of a name: %s of %s is %s', (n, device, metric) => {
    const decoded = decode(bytes(JSON.stringify([{ n, v: 1 }])), { device, metric: undefined }, NOW, 'auto')
    expect(readingsOf(decoded)).toEqual([{ metric, value: 1 }])
  })

  it('never merges two sensors of a pack into one series', () => {
    const metrics = (...names: string[]): unknown =>
      readingsOf(onDevice(JSON.stringify(names.map((n) => ({ n, v: 1 }))))).map(({ metric }) => metric)
    const two = ['urn:dev:ow:1:temp', 'urn:dev:ow:2:temp']
    expect(metrics(...two)).toEqual(two)
    expect(metrics('urn:dev:ow:1:temp', 'temp')).toEqual(['urn:dev:ow:1:temp', 'temp'])
    expect(metrics('urn:dev:ow:1', 'urn:dev:ow:1:temp')).toEqual(['value', 'temp'])
  })

  it('puts its names below the metric of the topic, except the metric itself', () => {
    expect(readingsOf(onMetric('[{"bn":"d1/","n":"m","v":1},{"n":"x","v":2}]')).map(({ metric }) => metric)).toEqual([
      'm',
      'm.x',
    ])
  })

  it('is recognized by its shape: an array of {v, t} on a metric topic is not SenML', () => {
    expect(readingsOf(onMetric('[{"v":1,"t":1700000000},{"v":2,"t":1700000001}]'))).toHaveLength(2)
    expect(readingsOf(onMetric('[{"v":1,"t":1700000000}]'))[0]!.ts).toBe(1_700_000_000_000)
    expect(readingsOf(onDevice('[{"n":5,"v":1}]')).map(({ metric }) => metric)).toEqual(['n', 'v'])
  })

  it('may have integer or text labels in CBOR', () => {
    expect(
      readingsOf(
        onDevice(
          encode([
            { n: 'a', v: 1, u: 'V' },
            { n: 'b', vd: Uint8Array.of(1) },
          ]),
        ),
      ),
    ).toEqual([
      { metric: 'a', value: 1, unit: 'V' },
      { metric: 'b', value: Uint8Array.of(1) },
    ])
    const integers = encode([
      new Map<unknown, unknown>([
        [-2, 'x/'],
        [0, 'a'],
        [8, Uint8Array.of(7)],
        [6, -1],
      ]),
    ])
    expect(readingsOf(onDevice(integers))).toEqual([{ metric: 'x/a', value: Uint8Array.of(7), ts: NOW - 1000 }])
  })

  it.each([
    ['[{"bn":"a","v":1},5]', /^\$\[1\]: expected a SenML record, found a number$/],
    ['[{"bn":"","n":"b","v":"1"},{"n":"a","v":1}]', /^\$\[0\]\.v: expected a number, found a text$/],
    ['[{"n":"a","v":1,"vs":"x"}]', /^\$\[0\]\.vs: a second value in addition to "v"$/],
    ['[{"n":"a","v":1},{"n":"b"}]', /^\$\[1\]: a SenML record without a value$/],
    ['[{"v":1},{"n":"a","v":1}]', /^\$\[0\]: a SenML record without a name$/],
    ['[{"bn":"","n":"b","v":1,"t":"now"},{"n":"a","v":1}]', /^\$\[0\]\.t: expected a number/],
    ['[{"n":"a","v":1,"ut":"x"}]', /^\$\[0\]\.ut: expected a number/],
    ['[{"n":"a","v":1,"u":5}]', /^\$\[0\]\.u: expected a unit/],
    ['[{"n":"b","v":1e999},{"n":"a","v":1}]', /^\$\[0\]\.v: a number beyond/],
    ['[{"n":"a","v":1},{"n":"b","bv":1e308,"v":1e308}]', /^\$\[1\]\.v: a number beyond/],
    ['[{"n":"a","v":1,"bs":1e308,"s":1e308}]', /^\$\[0\]: a sum beyond/],
    ['[{"n":"a","v":1,"s":"x"}]', /^\$\[0\]\.s: expected a number/],
    ['[{"n":"b","vd":"a+/="},{"n":"a","v":1}]', /^\$\[0\]\.vd: not base64/],
    [`[{"n":"${'x'.repeat(129)}","v":1},{"n":"a","v":1}]`, /^\$\[0\]: the metric has a name longer/],
    ['[{"n":"a","v":1},{"n":"d1/a","v":2}]', /^\$\[1\]: another SenML name of this pack already gives the metric "a"$/],
    ['[{"n":"a","v":1},{"bt":"x","n":"b","v":2}]', /^\$\[1\]\.bt: expected a number/],
  ])('keeps the others when a record or field is invalid, and names the place: %.50s', (pack, reason) => {
    const decoded = onDevice(pack)
    expect(readingsOf(decoded)).toEqual([{ metric: 'a', value: 1 }])
    expect(partialOf(decoded)[0]).toMatch(reason)
  })

  it('loses the records to which an invalid base field applies, until another one replaces it', () => {
    const pack = '[{"n":"a","v":1},{"bt":"x","n":"b","v":2},{"n":"c","v":3},{"bt":1700000000,"n":"d","v":4}]'
    const decoded = onDevice(pack)
    expect(readingsOf(decoded).map(({ metric }) => metric)).toEqual(['a', 'd'])
    expect(partialOf(decoded)).toHaveLength(2)
  })

  it.each([
    ['[{"n":"a","v":1},{"bver":11,"n":"a","v":1}]', /^\$\[1\]\.bver: SenML version 11/],
    ['[{"n":"a","v":1},{"bver":5,"n":"a","v":1}]', /^\$\[1\]\.bver: a pack with several SenML versions$/],
    ['[{"n":"a","v":1},{"bver":"5","n":"a","v":1}]', /^\$\[1\]\.bver: expected a number$/],
  ])('is refused as a whole for its version: %s', (pack, reason) => {
    expect(reasonOf(onDevice(pack))).toMatch(reason)
  })
})
