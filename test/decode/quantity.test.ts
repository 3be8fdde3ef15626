import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/decode/decode.ts'
import { bytes, NOW, readingsOf } from './support.ts'

const rules = { zone: undefined, numbers: 'lenient', noValueTexts: true } as const
const onMetric = (payload: string): Record<string, unknown> =>
  readingsOf(decode(bytes(payload), { device: 'd1', metric: 'm', rules }, NOW, 'auto'))[0]!
const onDevice = (payload: string): Record<string, unknown>[] =>
  readingsOf(decode(bytes(payload), { device: 'd1', metric: undefined, rules }, NOW, 'auto'))

describe('a text on a route with `numbers: lenient`', () => {
  it.each<[string, number, string?]>([
    ['21,5', 21.5],
    ['-0,5', -0.5],
    [',5', 0.5],
    ['007', 7],
    ['-01.50', -1.5],
    ['"21.5"', 21.5],
    ['"+21,5"', 21.5],
    ['\u22125,2', -5.2],
    ['0,125', 0.125],
    ['1234,567', 1234.567],
    ['1,5e3', 1500],
    ['45%', 45, '%'],
    ['45 %', 45, '%'],
    ['23.4 °C', 23.4, '°C'],
    ['23,4\u00a0°C', 23.4, '°C'],
    ['-67dBm', -67, 'dBm'],
    ['3.3V', 3.3, 'V'],
    ['1013.25 hPa', 1013.25, 'hPa'],
    ['12 µg/m³', 12, 'µg/m³'],
    ['12 ug/m3', 12, 'ug/m3'],
    ['9.81 m/s^2', 9.81, 'm/s^2'],
    ['9.81 m.s-2', 9.81, 'm.s-2'],
    ['5 l/min', 5, 'l/min'],
    ['1.2 MΩ', 1.2, 'MΩ'],
    ['100 km/h', 100, 'km/h'],
    ['21.5 C\0', 21.5, 'C'],
    ['  7 kWh\r\n', 7, 'kWh'],
  ])('is a number, and its unit is taken from it: %j', (payload, value, unit) => {
    expect(onMetric(payload)).toEqual({ metric: 'm', value, ...(unit === undefined ? {} : { unit }) })
  })

  it.each<[string, string]>([
    ...(
      [
        ['NaN °C', '°C'],
        ['-- °C', '°C'],
        ['nan%', '%'],
        ['--.- kWh', 'kWh'],
        ['-inf m/s', 'm/s'],
      ] as const
    ).map(([text, unit]): [string, string] => [text, unit]),
  ])('has no value, but a unit, when no number is in front of it: %s', (payload, unit) => {
    expect(onMetric(payload)).toEqual({ metric: 'm', value: null, unit })
    expect(onDevice(JSON.stringify({ a: payload }))).toEqual([{ metric: 'a', value: null, unit }])
  })

  it.each(['unknown device', 'inform me', 'nanny 5', 'none of it', '-- see the manual', 'NaN!'])(
    'stays text when it only begins like one without a number: %s',
    (payload) => expect(onMetric(payload)).toEqual({ metric: 'm', value: payload }),
  )

  it.each([
    ...['1,234', '12,500', '1.234,5', '1,234.5', '1 234', '1.2.3', '12:30', '2026-11-29', '2026-11-29T08:30:00Z'],
    ...[
      '0x1f',
      '0xff',
      '5e',
      '1st',
      '10 pm',
      '3 of 4',
      '21of30',
      '5m30s',
      '1,2,3',
      '1;2',
      '50-60',
      '3/4',
      '>100',
      '~21',
    ],
    ...['10.0.0.1', 'A12', '1234567890123456', 'v2', 'running', '12 V DC', '%', '°C', '-', ',', '4 m/'],
  ])('stays text when it is not one number, or could be read in two ways: %s', (payload) => {
    expect(onMetric(JSON.stringify(payload))).toEqual({ metric: 'm', value: payload })
  })

  it('is a number in a group, in a measurement and in an array, and a unit next to it takes precedence', () => {
    expect(onDevice('{"temp":"23,4 °C","hum":{"value":"45%"},"p":{"v":"1 bar","unit":"hPa"},"id":"x1"}')).toEqual([
      { metric: 'temp', value: 23.4, unit: '°C' },
      { metric: 'hum', value: 45, unit: '%' },
      { metric: 'p', value: 1, unit: 'hPa' },
      { metric: 'id', value: 'x1' },
    ])
    expect(onDevice('[{"a":"1,5"},{"a":"2,5"}]').map(({ value }) => value)).toEqual([1.5, 2.5])
  })

  it('is the number that it shows, whatever sign, separator, zeros, space and unit it has', () => {
    const written = fc.record({
      sign: fc.constantFrom('', '-', '+', '\u2212'),
      zeros: fc.constantFrom('', '0', '00'),
      whole: fc.nat(99_999),
      separator: fc.constantFrom('.', ','),
      // Not three digits: after a comma they could be thousands.
      fraction: fc.stringMatching(/^(\d{1,2}|\d{4,6})$/),
      space: fc.constantFrom('', ' ', '\u00a0', '\u202f'),
      unit: fc.constantFrom(undefined, '°C', '%', 'kWh', 'm/s', 'm³/h', 'V', 'Ω', 'dBm'),
    })
    fc.assert(
      fc.property(written, ({ sign, zeros, whole, separator, fraction, space, unit }) => {
        const text = `${sign}${zeros}${whole}${separator}${fraction}${unit === undefined ? '' : space + unit}`
        const magnitude = Number(`${whole}.${fraction}`)
        const value = sign === '-' || sign === '\u2212' ? -magnitude : magnitude
        expect(onMetric(text)).toEqual({ metric: 'm', value, ...(unit === undefined ? {} : { unit }) })
      }),
    )
  })
})
