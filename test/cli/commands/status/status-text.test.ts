import { describe, expect, it } from 'vitest'
import { statusText, summaryText } from '../../../../src/cli/commands/status/status-text.ts'

const AT = '2026-11-30T12:00:00.000Z'
const HOUR_MS = 3_600_000

describe('the status of an edge in text', () => {
  it('begins with the verdict and the problems, before any figure', () => {
    const text = statusText({
      edge: 'plant-7',
      healthy: false,
      at: AT,
      upMs: 2 * HOUR_MS,
      problems: ['the disk is slow'],
    })
    const [head, problem] = text.split('\n')
    expect(head).toMatch(/^edge plant-7 is not healthy \(.*up 2 h, now 2026-11-30T12:00:00\.000Z\)$/)
    expect(problem).toBe('problem: the disk is slow')
    expect(statusText({ edge: 'plant-7', healthy: true })).toMatch(/^edge plant-7 is healthy/)
  })

  it('says of an uplink whether it is connected, how much waits and for how long, and what it has cost', () => {
    const uplink = { name: 'cloud', connected: false, failures: 3, lastFailure: 'connection refused', inFlight: 0 }
    const spent = { day: '2026-11-30', dayBytes: 2_500_000, month: '2026-11', monthBytes: 31_000_000 }
    const oldestAt = '2026-11-30T09:30:00.000Z'
    const backlogs = [{ uplink: 'cloud', waiting: 12_345, oldestAt, confirmed: 10, parked: 2 }]
    const text = statusText({
      ...{ edge: 'plant-7', healthy: true, at: AT },
      store: { backlogs },
      uplinks: [{ ...uplink, spent, lastConfirmedMs: 9_000_000 }],
    })
    expect(text).toMatch(/^uplink cloud +not connected: connection refused \(failure 3 in a row\)/m)
    expect(text).toContain('12,345 readings wait, the oldest for 2 h 30 min')
    expect(text).toContain('2 readings parked')
    expect(text).toContain('last answer 2 h 30 min ago')
    expect(text).toContain('today 2.5 MB, this month 31.0 MB')
  })

  it('reads the times of an edge of version 0.1.0, which are milliseconds', () => {
    const backlogs = [{ uplink: 'cloud', waiting: 1, oldestAt: Date.parse(AT) - 45_000, confirmed: 0, parked: 0 }]
    const text = statusText({
      ...{ edge: 'plant-7', healthy: true, at: Date.parse(AT) },
      store: { backlogs },
      uplinks: [{ name: 'cloud', connected: true }],
    })
    expect(text).toContain('the oldest for 45 s')
  })

  it('shows every figure that the edge does not report as ?, and fails at none', () => {
    expect(statusText({ edge: 'plant-7', healthy: true, uplinks: [{}], backup: {} })).toContain('?')
  })

  it('says what a stopped edge still has to deliver', () => {
    const summary = { epoch: 'e', lastSeq: 5_000, devices: 2, series: 3, rejects: 0, unrouted: 0 }
    const text = summaryText({ ...summary, backlogs: [{ uplink: 'cloud', confirmed: 1_000, waiting: 4_000 }] })
    expect(text).toContain('uplink cloud: 4,000 readings wait, 1,000 confirmed')
  })
})
