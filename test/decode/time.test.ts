import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { onMetric, readingsOf, reasonOf } from './support.ts'

const timeOf = (json: string): unknown => readingsOf(onMetric(`{"value":1,"ts":${json}}`))[0]!.ts
const refusal = (json: string): string => reasonOf(onMetric(`{"value":1,"ts":${json}}`))
const END_MS = Date.UTC(2262, 0, 1)

describe('the time of a reading', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['1700000000', 1_700_000_000_000],
    ['1700000000.123', 1_700_000_000_123],
    ['1700000000.1239', 1_700_000_000_123],
    ['1700000000123', 1_700_000_000_123],
    ['1700000000123.9', 1_700_000_000_123],
    ['1700000000123999', 1_700_000_000_123],
    ['1700000000123999999', 1_700_000_000_123],
    ['1.7e18', 1_700_000_000_000],
    ['"1700000000"', 1_700_000_000_000],
    ['"1700000000.5"', 1_700_000_000_500],
    ['"1700000000123999999"', 1_700_000_000_123],
    ['"2023-11-14T22:13:20Z"', 1_700_000_000_000],
    ['"2023-11-14T22:13:20.123999Z"', 1_700_000_000_123],
    ['"2023-11-14T22:13:20,5Z"', 1_700_000_000_500],
    ['"2023-11-14t22:13:20z"', 1_700_000_000_000],
    ['"2023-11-14 22:13:20"', 1_700_000_000_000],
    ['"2023-11-14T22:13:20"', 1_700_000_000_000],
    ['"2023-11-14T23:13:20+01:00"', 1_700_000_000_000],
    ['"2023-11-14T16:43:20-0530"', 1_700_000_000_000],
    ['"2023-11-15T00:13:20+02"', 1_700_000_000_000],
    ['"2023-11-14T22:13Z"', 1_699_999_980_000],
    ['"2023-11-14"', 1_699_920_000_000],
    ['"2024-02-29T00:00:00Z"', Date.UTC(2024, 1, 29)],
    ['"2016-12-31T23:59:60Z"', Date.UTC(2017, 0, 1)],
    ['"2261-12-31T23:59:59.999Z"', END_MS - 1],
  ])('can be given as %s', (json, ms) => {
    expect(timeOf(json)).toBe(ms)
  })

  it.each([
    '-1',
    '1e400',
    '9300000000',
    '1e19',
    '99999999999999999999',
    '"2262-01-01T00:00:00Z"',
    '"1969-12-31T23:59:59Z"',
    '"-5"',
  ])('is refused outside 1970 to 2261: %s', (json) => {
    expect(refusal(json)).toMatch(/^\$\.ts: a time outside the years 1970 to 2261|^\$\.ts: a number beyond/)
  })

  it.each([
    '"soon"',
    '"0099-01-01T00:00:00Z"',
    '""',
    '"2023-02-29T00:00:00Z"',
    '"2023-13-01T00:00:00Z"',
    '"2023-11-14T24:00:00Z"',
    '"2023-11-14T22:60:00Z"',
    '"2023-11-14T22:13:61Z"',
    '"2023-11-14T22:13:20+25:00"',
    '"14.11.2023"',
    'true',
    '{}',
    '[1]',
  ])('is refused with its place when it is invalid: %s', (json) => {
    expect(refusal(json)).toMatch(/^\$\.ts: /)
  })

  it('is the same in every unit, rounded down', () => {
    // The magnitude determines the unit, which is ambiguous in the first months of 1970.
    const ms = fc.integer({ min: 1e10, max: END_MS - 1 })
    fc.assert(
      fc.property(ms, fc.nat(999_999), (time, rest) => {
        const nanoseconds = BigInt(time) * 1_000_000n + BigInt(rest)
        expect(timeOf(`${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}`)).toBe(time)
        expect(timeOf(`${time}`)).toBe(time)
        expect(timeOf(`${nanoseconds / 1000n}`)).toBe(time)
        expect(timeOf(`${nanoseconds}`)).toBe(time)
        expect(timeOf(`"${nanoseconds}"`)).toBe(time)
        expect(timeOf(`"${new Date(time).toISOString()}"`)).toBe(time)
      }),
    )
  })
})
