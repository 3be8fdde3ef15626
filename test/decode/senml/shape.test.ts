import { describe, expect, it } from 'vitest'
import { onDevice, onMetric, readingsOf } from '../support.ts'

const BAD = { quality: 4, reasons: 0 }
const T = Date.UTC(2026, 10, 29, 8, 30)

/** `[{"n": name, "v": value}]` is SenML, and also what many gateways send. */
describe('an array of names and values that has something that SenML does not have', () => {
  it.each([
    ['a quality', { q: false }, { claim: BAD }],
    ['a quality with its full name', { quality: 'bad' }, { claim: BAD }],
    ['a time in milliseconds', { t: T }, { ts: T }],
    ['a time as a text', { t: '2026-11-29T08:30:00Z' }, { ts: T }],
    ['a time with another name', { ts: T }, { ts: T }],
    ['a unit with its full name', { unit: 'Cel' }, { unit: 'Cel' }],
  ])('keeps %s', (_name, member, expected) => {
    const pack = JSON.stringify([
      { n: 'temp', v: 21.5, ...member },
      { n: 'hum', v: 40 },
    ])
    const others = { value: 40, metric: 'hum' }
    expect(readingsOf(onDevice(pack))).toEqual([{ metric: 'temp', value: 21.5, ...expected }, others])
    expect(readingsOf(onMetric(pack))[0]).toEqual({ metric: 'm.temp', value: 21.5, ...expected })
  })

  it('keeps values of any type, and other members as readings of their own', () => {
    const pack = '[{"n":"door","v":true},{"n":"mode","v":"on"},{"n":"co2","v":null},{"n":"temp","v":21,"rssi":-60}]'
    expect(readingsOf(onDevice(pack))).toEqual([
      { metric: 'door', value: true },
      { metric: 'mode', value: 'on' },
      { metric: 'co2', value: null },
      { metric: 'temp', value: 21 },
      { metric: 'temp.rssi', value: -60 },
    ])
  })

  it.each([
    ['a base field', { bn: '' }],
    ['a value with its type', { vb: true, v: undefined }],
    ['a sum', { s: 3 }],
    ['a relative time', { t: -5 }],
    ['a URN', { n: 'urn:dev:ow:10e2073a01080063/x' }],
  ])('is SenML if it also has %s', (_name, member) => {
    const pack = JSON.stringify([
      { n: 'a', v: 1, extra: 5 },
      { n: 'b', v: 1, ...member },
    ])
    expect(readingsOf(onDevice(pack)).filter(({ value }) => value === 5)).toEqual([])
  })

  it('is SenML on a route that says so', () => {
    expect(readingsOf(onDevice('[{"n":"a","v":1,"extra":5}]', 'senml'))).toEqual([{ metric: 'a', value: 1 }])
  })
})
