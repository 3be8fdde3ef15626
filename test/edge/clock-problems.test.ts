import { describe, expect, it } from 'vitest'
import { clockProblems } from '../../src/edge/clock-problems.ts'
import type { ClockStatus } from '../../src/store/clock/clock-state.ts'

const DAY = 86_400_000
const RIGHT: ClockStatus = {
  time: Date.UTC(2026, 11, 1),
  systemAheadMs: 0,
  synchronised: true,
  confirmed: true,
  trusted: true,
  step: undefined,
  contradictedMs: undefined,
  holdsRemoval: false,
}
const STEP = { at: RIGHT.time, byMs: 2 * DAY, endedAt: undefined, rejected: false }

function problems(differences: Partial<ClockStatus>): string[] {
  return clockProblems({ clock: { ...RIGHT, ...differences }, waitingRemoval: undefined })
}

describe('a problem with the clock', () => {
  it('does not exist while the clock is right', () => {
    expect(problems({})).toEqual([])
  })

  for (const [name, differences] of Object.entries<Partial<ClockStatus>>({
    'a clock in the year 2000': { systemAheadMs: Date.UTC(2000, 0, 1) - RIGHT.time },
    'a clock two days ahead after a start': { systemAheadMs: 2 * DAY },
    'a clock two days behind after a start': { systemAheadMs: -2 * DAY },
    'a step of two days': { systemAheadMs: 2 * DAY, step: STEP, holdsRemoval: true },
    'a step that an operator rejected': { systemAheadMs: 2 * DAY, step: { ...STEP, rejected: true } },
    'a receiver with another time': { contradictedMs: -2 * DAY },
    'a clock that is not synchronised': { synchronised: false, confirmed: false },
  })) {
    it(`names the command that sets the clock: ${name}`, () => {
      expect(problems(differences)).toEqual([expect.stringContaining('run `sudo timedatectl set-ntp true`')])
    })
  }
})
