import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import { decode } from '../../src/decode/decode.ts'
import { TIME_END_MS, TIME_MIN_MS } from '../../src/decode/time.ts'
import { bytes, NOW, onDevice, onMetric, readingsOf } from './support.ts'

const timeOf = (json: string): unknown => readingsOf(onMetric(`{"value":1,"ts":${json}}`))[0]!.ts
const flagged = (reasons: number): unknown => ({ quality: 3, reasons })

describe('the time of a reading', () => {
  it.each<[string, number]>([
    ['1700000000', 1_700_000_000_000],
    ['1700000000.123', 1_700_000_000_123],
    ['1700000000.1239', 1_700_000_000_123],
    ['1700000000123', 1_700_000_000_123],
    ['1700000000123.9', 1_700_000_000_123],
    ['1700000000123999', 1_700_000_000_123],
    ['1700000000123999999', 1_700_000_000_123],
    ['1.7e18', 1_700_000_000_000],
    ['"1700000000"', 1_700_000_000_000],
    ['"1.7e9"', 1_700_000_000_000],
    ['" 1700000000 "', 1_700_000_000_000],
    ['"1700000000.5"', 1_700_000_000_500],
    ['"1700000000123999999"', 1_700_000_000_123],
    ['"2023-11-14T22:13:20Z"', 1_700_000_000_000],
    ['"2023-11-14T22:13:20.123999Z"', 1_700_000_000_123],
    ['"2023-11-14T22:13:20,5Z"', 1_700_000_000_500],
    ['"2023-11-14t22:13:20z"', 1_700_000_000_000],
    ['"2023-11-14 22:13:20 UTC"', 1_700_000_000_000],
    ['"2023/11/14 22:13:20Z"', 1_700_000_000_000],
    ['"2023-11-14T23:13:20+01:00"', 1_700_000_000_000],
    ['"2023-11-14T23:13:20 +01:00"', 1_700_000_000_000],
    ['"2023-11-14T16:43:20-0530"', 1_700_000_000_000],
    ['"2023-11-15T00:13:20+02"', 1_700_000_000_000],
    ['"2023-11-14T22:13Z"', 1_699_999_980_000],
    ['"2023-11-14T22:13:20Z\\u0000"', 1_700_000_000_000],
    ['"20231114T221320Z"', 1_700_000_000_000],
    ['"20231114T221320.123Z"', 1_700_000_000_123],
    ['"20231114T231320+0100"', 1_700_000_000_000],
    ['"20231114221320Z"', 1_700_000_000_000],
    ['"2024-02-29T00:00:00Z"', Date.UTC(2024, 1, 29)],
    ['"2016-12-31T23:59:60Z"', Date.UTC(2017, 0, 1)],
    ['"2001-01-01T00:00:00Z"', TIME_MIN_MS],
    ['"2089-12-31T23:59:59.999Z"', TIME_END_MS - 1],
    ['{"$date":"2023-11-14T22:13:20Z"}', 1_700_000_000_000],
    ['{"$date":1700000000000}', 1_700_000_000_000],
    ['{"$date":{"$numberLong":"1700000000000"}}', 1_700_000_000_000],
  ])('can be given as %s', (json, ms) => {
    expect(timeOf(json)).toBe(ms)
  })

  it.each(['null', '""', '"n/a"', '"unknown"'])(
    'is that of its arrival, without a mark, if the device has none: %s',
    (json) => {
      expect(readingsOf(onMetric(`{"value":1,"ts":${json}}`))).toEqual([{ metric: 'm', value: 1 }])
    },
  )

  it('is the same in every unit, rounded down', () => {
    const ms = fc.integer({ min: TIME_MIN_MS, max: TIME_END_MS - 1 })
    fc.assert(
      fc.property(ms, fc.nat(999_999), (time, rest) => {
        const nanoseconds = BigInt(time) * 1_000_000n + BigInt(rest)
        expect(timeOf(`${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}`)).toBe(time)
        expect(timeOf(`${time}`)).toBe(time)
        expect(timeOf(`${nanoseconds / 1000n}`)).toBe(time)
        expect(timeOf(`${nanoseconds}`)).toBe(time)
        expect(timeOf(`"${nanoseconds}"`)).toBe(time)
        expect(timeOf(`"${new Date(time).toISOString()}"`)).toBe(time)
        expect(timeOf(`"${new Date(time).toISOString().replace(/[-:]/g, '')}"`)).toBe(time)
      }),
    )
  })
})

describe('a time that cannot be one', () => {
  const impossible = [
    ['zero', '0'],
    ['the time since the start', '12.5'],
    ['milliseconds since the start', '864000000'],
    ['a negative number', '-1'],
    ['a clock that starts at 2000', '946684812'],
    ['a GPS clock without a fix', '"1980-01-06T00:00:03Z"'],
    ['seconds since 1900 (NTP)', String(Date.UTC(2026, 10, 29) / 1000 + 2_208_988_800)],
    ['seconds since 1904 (LabVIEW)', String(Date.UTC(2026, 10, 29) / 1000 + 2_082_844_800)],
    ['days since 1900 (spreadsheets)', '46355.354'],
    ['100 ns since the year 1 (.NET)', '639155358000000000'],
    ['100 ns since 1601 (Windows)', '134404078000000000'],
    ['the greatest unsigned number of 32 bits', '4294967295'],
    ['an infinite one', '1e400'],
    ['a huge one', '99999999999999999999'],
    ['years beyond', '"2090-01-01T00:00:00Z"'],
    ['the greatest date of .NET', '"9999-12-31T23:59:59Z"'],
    ['before the start of epoch time', '"1969-12-31T23:59:59Z"'],
    ['a compact date with a 13th month', '20261329083000'],
    ['a time of day', '"09:40"'],
    ['a word', '"soon"'],
    ['a day that its month does not have', '"2023-02-29T00:00:00Z"'],
    ['a 13th month', '"2023-13-01T00:00:00Z"'],
    ['hour 24', '"2023-11-14T24:00:00Z"'],
    ['minute 60', '"2023-11-14T22:60:00Z"'],
    ['second 61', '"2023-11-14T22:13:61Z"'],
    ['a zone 25 h away', '"2023-11-14T22:13:20+25:00"'],
    ['a date in another order', '"14.11.2023"'],
    ['a boolean', 'true'],
    ['an object', '{"a":1}'],
    ['a date without a value', '{"$date":{"a":{"b":1}}}'],
  ] as const

  it.each(impossible)('gives the reading that of its arrival, and a mark: %s', (_name, json) => {
    const [reading, ...others] = readingsOf(onMetric(`{"value":1,"ts":${json}}`))
    expect(reading).toEqual({ metric: 'm', value: 1, claim: flagged(Reason.TIME_INVALID) })
    if (json !== '1e400') expect(others.length).toBeGreaterThan(0)
  })

  it('is never the time of a reading: all are between the years 2001 and 2089', () => {
    const scalar = fc.oneof(
      fc.double(),
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
      fc.date({ noInvalidDate: true }).map((date) => JSON.stringify(date.toISOString())),
      fc.stringMatching(/^\d{8,17}$/).map((digits) => `"${digits}"`),
      fc.integer({ min: 1, max: 9_999 }).map((year) => `${String(year).padStart(4, '0')}0101000000`.replace(/^0+/, '')),
    )
    fc.assert(
      fc.property(scalar, (time) => {
        fc.pre(!/NaN|Infinity/.test(String(time)))
        const decoded = onDevice(`{"temp":1,"ts":${String(time)}}`)
        fc.pre(decoded.ok)
        for (const { ts, timed, claim } of decoded.ok ? decoded.readings : []) {
          if (timed) expect(ts >= TIME_MIN_MS && ts < TIME_END_MS).toBe(true)
          else expect(claim).toEqual(flagged(Reason.TIME_INVALID))
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a time without a zone', () => {
  const onZone = (json: string, zone: string, now = NOW): unknown[] => {
    const rules = { zone, numbers: 'plain', noValueTexts: true } as const
    const payload = bytes(`{"value":1,"ts":${json}}`)
    return readingsOf(decode(payload, { device: 'd1', metric: 'm', rules }, now, 'auto'))
  }

  it.each([
    ['"2025-12-29 04:40:19"', '2025-12-29T04:40:19Z'],
    ['"2025-12-29T04:40:19"', '2025-12-29T04:40:19Z'],
    ['"2025/12/29 4:40:19"', '2025-12-29T04:40:19Z'],
    ['"2025-12-29"', '2025-12-29T00:00:00Z'],
    ['20251229044019', '2025-12-29T04:40:19Z'],
    ['"20251229044019"', '2025-12-29T04:40:19Z'],
    ['20251229044019123', '2025-12-29T04:40:19.123Z'],
    ['"20251229T044019"', '2025-12-29T04:40:19Z'],
    ['"202512290440"', '2025-12-29T04:40:00Z'],
    ['"20251229"', '2025-12-29T00:00:00Z'],
  ])('is read as UTC and suspect: %s', (json, time) => {
    const ts = Date.parse(time)
    expect(readingsOf(onMetric(`{"value":1,"ts":${json}}`))).toEqual([
      { metric: 'm', value: 1, ts, claim: flagged(Reason.TIME_ZONE) },
    ])
    expect(onZone(json, '+05:30')).toEqual([{ metric: 'm', value: 1, ts: ts - 19_800_000 }])
    expect(onZone(json, 'Asia/Kolkata')).toEqual([{ metric: 'm', value: 1, ts: ts - 19_800_000 }])
  })

  it('that would be later than its arrival is kept as a text, and the reading has the time of its arrival', () => {
    const ahead = '2026-01-02T04:04:05'
    expect(readingsOf(onMetric(`{"value":1,"ts":"${ahead}"}`))).toEqual([
      { metric: 'm', value: 1, claim: flagged(Reason.TIME_INVALID) },
      { metric: 'm.ts', value: ahead, claim: flagged(Reason.TIME_INVALID) },
    ])
    expect(onZone(`"${ahead}"`, 'Europe/Berlin')).toEqual([
      { metric: 'm', value: 1, ts: Date.UTC(2026, 0, 2, 3, 4, 5) },
    ])
  })

  it('is used although it is later than the arrival when the clock of the edge is not set', () => {
    const decoded = decode(
      bytes('{"value":1,"ts":"2026-01-02 04:04:05"}'),
      { device: 'd1', metric: 'm' },
      60_000,
      'auto',
    )
    expect(readingsOf(decoded)[0]!.ts).toBe(Date.UTC(2026, 0, 2, 4, 4, 5))
  })

  it('that the zone of the route has twice or not at all is suspect, unless the arrival decides', () => {
    const local = '"2025-11-02 01:30:00"'
    const first = Date.UTC(2025, 10, 2, 5, 30)
    const suspect = { metric: 'm', value: 1, claim: flagged(Reason.TIME_ZONE) }
    expect(onZone(local, 'America/New_York', first + 1_000)).toEqual([{ metric: 'm', value: 1, ts: first }])
    expect(onZone(local, 'America/New_York', first + 3_601_000)).toEqual([{ ...suspect, ts: first + 3_600_000 }])
    expect(onZone('"2025-03-09 02:30:00"', 'America/New_York')).toEqual([
      { ...suspect, ts: Date.UTC(2025, 2, 9, 7, 30) },
    ])
  })

  it('does not change a time that names its zone', () => {
    for (const json of ['"2025-12-29T04:40:19Z"', '1766983219', '"2025-12-29T05:40:19+01:00"']) {
      expect(onZone(json, 'America/New_York')).toEqual([
        { metric: 'm', value: 1, ts: Date.UTC(2025, 11, 29, 4, 40, 19) },
      ])
    }
  })
})
