import { describe, expect, it } from 'vitest'
import { durationText, parseDuration, parseTime } from '../../src/base/time-text.ts'

const NOW = Date.UTC(2026, 0, 31, 12)
const HOUR = 3_600_000

describe('a time as text', () => {
  it('is "now", a duration before or after now, or ISO 8601', () => {
    expect(parseTime('now', NOW)).toBe(NOW)
    expect(parseTime('-24h', NOW)).toBe(NOW - 24 * HOUR)
    expect(parseTime('-7d', NOW)).toBe(NOW - 7 * 24 * HOUR)
    expect(parseTime('+5m', NOW)).toBe(NOW + 300_000)
    expect(parseTime('2026-01-31T12:00', NOW)).toBe(NOW)
    expect(parseTime('2026-01-31T14:30:00.5+02:30', 0)).toBe(NOW + 500)
  })

  it.each(['', '-', '24h', '-24', '-1.5h', '- 1h', 'tomorrow', '2026-02-30', '1769860800'])(
    '"%s" is not a time',
    (text) => {
      expect(parseTime(text, NOW)).toBeUndefined()
    },
  )
})

describe('a duration as text', () => {
  it('is a whole number of milliseconds, seconds, minutes, hours, days or weeks', () => {
    const texts = ['500ms', '10s', '5m', '1h', '1d', '2w']
    expect(texts.map(parseDuration)).toEqual([500, 10_000, 300_000, HOUR, 24 * HOUR, 14 * 24 * HOUR])
  })

  it.each(['', '0s', '1', 's', '-1h', '1.5h', '1y', '1 h', '999999999999999w'])('"%s" is not a duration', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})

describe('a duration for people', () => {
  it.each([
    [4, '4 ms'],
    [340, '0.3 s'],
    [45_000, '45 s'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [3_599_999, '1 h'],
    [187_200_000, '2 d 4 h'],
  ])('has at most two units: %d ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })
})
