import { describe, expect, it } from 'vitest'
import { onDevice, onMetric, partialOf, readingsOf } from '../support.ts'

const valuesIn = (payload: object): Record<string, unknown> =>
  Object.fromEntries(readingsOf(onDevice(JSON.stringify(payload))).map(({ metric, value }) => [metric, value]))

describe('elements without a value among elements with one', () => {
  const value = { name: 't0', value: 7 }
  const errors = [
    { name: 't1', error: 2014 },
    { name: 't2', error: 2014 },
  ]
  const expected = { t0: 7, 'tags.t1.name': 't1', 'tags.t1.error': 2014, 'tags.t2.name': 't2', 'tags.t2.error': 2014 }

  it.each([
    ['first', [value, ...errors]],
    ['last', [...errors, value]],
    ['in the middle', [errors[0], value, errors[1]]],
  ])('have series of their own, with the value %s', (_place, tags) => {
    expect(valuesIn({ tags })).toEqual(expected)
    expect(readingsOf(onDevice(JSON.stringify({ tags })))).toHaveLength(5)
  })

  it('have their name also if there is only one, in a batch', () => {
    expect(valuesIn({ data: [value, errors[0]] })).toEqual({ t0: 7, 'data.t1.name': 't1', 'data.t1.error': 2014 })
  })

  it('are numbered if they have no name', () => {
    expect(valuesIn({ tags: [value, { error: 1 }, { error: 2 }] })).toEqual({
      ...{ t0: 7, 'tags.0.error': 1, 'tags.1.error': 2 },
    })
  })
})

describe('a unit next to an array', () => {
  it('is that of each measurement in it', () => {
    const values = [
      { v: 20.5, ts: 1_795_941_000_000 },
      { v: 21, ts: 1_795_941_060_000 },
    ]
    expect(readingsOf(onMetric(JSON.stringify({ unit: 'Cel', value: values })))).toEqual(
      values.map(({ v, ts }) => ({ metric: 'm', value: v, unit: 'Cel', ts })),
    )
    const records = { unit: 'Cel', value: [{ name: 'a', value: 1 }] }
    expect(readingsOf(onMetric(JSON.stringify(records)))).toMatchObject([{ value: 1, unit: 'Cel' }])
  })

  it('does not override the unit of a measurement', () => {
    const payload = '{"unit":"Cel","value":[{"value":1,"unit":"K"},{"value":2}]}'
    expect(readingsOf(onMetric(payload)).map(({ value, unit }) => [value, unit])).toEqual([
      [1, 'K'],
      [2, 'Cel'],
    ])
  })

  it.each([
    '{"unit":"Cel","value":[{"value":1,"unit":"K"}]}',
    '{"unit":"Cel","value":[{"x":1}]}',
    '{"unit":"Cel","value":{"value":1,"unit":"K"}}',
  ])('is a reading of its own if it applies to nothing: %s', (payload) => {
    expect(readingsOf(onMetric(payload))).toContainEqual({ metric: 'm.unit', value: 'Cel' })
  })
})

describe('a member without a name', () => {
  it.each(['{"":{"b":1},"b":2}', '{"b":2,"":{"b":1}}'])('is not mixed with another one: %s', (payload) => {
    const decoded = onDevice(payload)
    expect(readingsOf(decoded)).toEqual([{ metric: 'b', value: 2 }])
    expect(partialOf(decoded)).toEqual(['$[""].b: the metric name "b" is already used by $.b'])
  })
})
