import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { TimeZone } from '../../../src/decode/time/time-zone.ts'

const utc = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`)
const LATER = Number.MAX_SAFE_INTEGER

function read(zone: string, local: string, latest = LATER): { time: string; certain: boolean } {
  const { ms, certain } = new TimeZone(zone).toUtc(utc(local), latest)
  return { time: new Date(ms).toISOString().slice(0, 16).replace('T', ' '), certain }
}

/** The wall clock of a zone, as `Intl` shows it, as if it were UTC. */
function wallClock(zone: string, ms: number): number {
  const parts = new Intl.DateTimeFormat('en-CA', {
    ...{ timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    ...{ second: '2-digit', hourCycle: 'h23' },
  }).formatToParts(ms)
  const part = (type: string): string => parts.find((one) => one.type === type)!.value
  return utc(`${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')}`)
}

const ZONES = [
  ...['America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Africa/Casablanca', 'UTC'],
  ...['America/St_Johns', 'Pacific/Chatham', 'Asia/Kathmandu', 'America/Santiago', 'Africa/Cairo', 'Pacific/Apia'],
]

describe('a local time in a time zone', () => {
  it.each([
    ['America/New_York', '2026-11-29 04:40', '2026-11-29 09:40'],
    ['America/New_York', '2026-07-01 04:40', '2026-07-01 08:40'],
    ['Europe/Berlin', '2026-11-29 10:40', '2026-11-29 09:40'],
    ['Asia/Kolkata', '2026-11-29 15:10', '2026-11-29 09:40'],
    ['+05:30', '2026-11-29 15:10', '2026-11-29 09:40'],
    ['-0800', '2026-11-29 01:40', '2026-11-29 09:40'],
    ['UTC', '2026-11-29 09:40', '2026-11-29 09:40'],
  ])('%s: %s is %s UTC', (zone, local, expected) => {
    expect(read(zone, local)).toEqual({ time: expected, certain: true })
  })

  it('that occurs twice is the later occurrence, unless that is after the arrival: only then it is certain', () => {
    const twice = '2026-11-01 01:30'
    expect(read('America/New_York', twice, utc('2026-11-01 05:30'))).toEqual({
      time: '2026-11-01 05:30',
      certain: true,
    })
    expect(read('America/New_York', twice, utc('2026-11-01 06:31'))).toEqual({
      time: '2026-11-01 06:30',
      certain: false,
    })
    expect(read('America/New_York', '2026-11-01 00:59')).toEqual({ time: '2026-11-01 04:59', certain: true })
    expect(read('America/New_York', '2026-11-01 02:00')).toEqual({ time: '2026-11-01 07:00', certain: true })
  })

  it('that does not occur is read with the offset from before, and is not certain', () => {
    expect(read('America/New_York', '2026-03-08 02:30')).toEqual({ time: '2026-03-08 07:30', certain: false })
    expect(read('America/New_York', '2026-03-08 01:59')).toEqual({ time: '2026-03-08 06:59', certain: true })
    expect(read('America/New_York', '2026-03-08 03:00')).toEqual({ time: '2026-03-08 07:00', certain: true })
    expect(read('Australia/Lord_Howe', '2026-10-04 02:15').certain).toBe(false)
  })

  it('is the time at which the clocks of that zone show it, in every zone and year', () => {
    const zones = new Map(ZONES.map((name) => [name, new TimeZone(name)]))
    const time = fc.integer({ min: Date.UTC(2001, 0, 3) / 60_000, max: Date.UTC(2060, 0, 1) / 60_000 })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), time, (name, minute) => {
        const ms = minute * 60_000
        const zone = zones.get(name)!
        const local = wallClock(name, ms)
        expect(ms + zone.offsetMs(ms)).toBe(local)
        const found = zone.toUtc(local, LATER)
        expect(wallClock(name, found.ms)).toBe(local)
        if (found.certain) expect(found.ms).toBe(ms)
      }),
      { numRuns: 1_000 },
    )
  })

  it('asks Intl a bounded number of times for a year, and not at all after that', () => {
    const zone = new TimeZone('Europe/Berlin')
    const spy = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    try {
      zone.offsetMs(Date.UTC(2026, 5, 1))
      expect(spy.mock.calls.length).toBeLessThan(150)
      spy.mockClear()
      for (let day = 0; day < 300; day++) zone.toUtc(Date.UTC(2026, 0, 3 + day, 12), LATER)
      expect(spy).not.toHaveBeenCalled()
    } finally {
      spy.mockRestore()
    }
  })
})
