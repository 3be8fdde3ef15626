import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { uplink } from '../../src/settings/schema/uplink.ts'
import { Budget, MESSAGE_BYTES_MIN, type Moment, type Spent } from '../../src/uplink/budget.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { startUplink } from './scene.ts'
import { ScriptedOutbox } from './scripted-outbox.ts'

const NOON = Date.UTC(2026, 10, 24, 12)
const DAY_MS = 86_400_000

function budgetOf(given: object, spent?: Spent, at: Moment = moment(0)): Budget {
  return new Budget(uplink.parse({ url: 'mqtt://127.0.0.1', budget: given }).budget, spent, at)
}

function moment(now: number, { utc = NOON + now, minuteOfDay = 720 } = {}): Moment {
  return { now, utc, minuteOfDay }
}

/** One use of an allowance: the time since the previous one (ms), the lane, and the part that it uses. */
const aStep = fc.record({
  ms: fc.integer({ min: 0, max: 2_000 }),
  lane: fc.constantFrom<'live' | 'backfill'>('live', 'backfill'),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  prefer: fc.constantFrom<'live' | 'backfill'>('live', 'backfill'),
})

describe('a budget of bytes per second', () => {
  it('is never exceeded over any 5 seconds, in every order of uses', () => {
    const rates = fc.integer({ min: 1_024, max: 1_000_000 })
    fc.assert(
      fc.property(rates, fc.array(aStep, { minLength: 10, maxLength: 300 }), (bytesPerSecond, steps) => {
        const budget = budgetOf({ bytesPerSecond })
        const sent: { at: number; bytes: number }[] = []
        let now = 0
        for (const { ms, lane, part, prefer } of steps) {
          now += ms
          const bytes = Math.floor(budget.allow(moment(now), prefer)[lane] * part)
          budget.spend(bytes, moment(now))
          sent.push({ at: now, bytes })
        }
        for (const { at: from } of sent) {
          const window = sent.filter(({ at }) => at >= from && at <= from + 5_000)
          expect(window.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(5 * bytesPerSecond)
        }
      }),
    )
  })

  it('is used to at least 70 % if there is always something to send, and says when to ask again', () => {
    const budget = budgetOf({ bytesPerSecond: 20_000 })
    let bytes = 0
    let now = 0
    for (let calls = 0; now < 60_000; calls++) {
      const { live, backfill, againMs } = budget.allow(moment(now))
      const taken = Math.max(live, backfill)
      bytes += taken
      budget.spend(taken, moment(now))
      now += taken > 0 ? 1 : againMs
      expect(calls).toBeLessThan(20_000)
    }
    expect(bytes).toBeGreaterThan(0.7 * 20_000 * 60)
  })

  it('is not exceeded over any 5 seconds if all bytes are used as soon as they are allowed', () => {
    const bytesPerSecond = 20_000
    const budget = budgetOf({ bytesPerSecond })
    const sent: { at: number; bytes: number }[] = []
    for (let now = 0; now < 20_000; now += 20) {
      const bytes = budget.allow(moment(now), 'backfill').live
      budget.spend(bytes, moment(now))
      sent.push({ at: now, bytes })
    }
    for (const { at: from } of sent) {
      const window = sent.filter(({ at }) => at >= from && at <= from + 5_000)
      expect(window.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(5 * bytesPerSecond)
    }
  })

  it('always leaves a part for new readings after the backlog has taken its part', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 100 }), (pauses) => {
        const budget = budgetOf({ bytesPerSecond: 20_000 })
        let now = 0
        for (const ms of pauses) {
          now += ms
          budget.spend(budget.allow(moment(now)).backfill, moment(now))
          expect(budget.allow(moment(now)).live).toBeGreaterThanOrEqual(20_000 / 4 - 1)
        }
      }),
    )
  })
})

describe('a budget per day and per month', () => {
  const spent = { day: '2026-11-24', dayBytes: 10_000, month: '2026-11', monthBytes: 50_000 }

  it('counts the bytes of the present day in a report, also when nothing was sent since midnight', () => {
    const budget = budgetOf({ bytesPerDay: 10_000, whenSpent: 'pause' }, spent)
    expect(budget.report(moment(0)).holds).toContain('2026-11-24 is spent')
    expect(budget.report(moment(DAY_MS))).toEqual({
      spent: { day: '2026-11-25', dayBytes: 0, month: '2026-11', monthBytes: 50_000 },
      holds: undefined,
    })
  })

  it('that is used up allows only new readings, or nothing, and reports the reason', () => {
    for (const limit of [{ bytesPerDay: 10_000 }, { bytesPerMonth: 50_000 }]) {
      const liveOnly = budgetOf(limit, spent)
      expect(liveOnly.allow(moment(0))).toMatchObject({ live: Infinity, backfill: 0 })
      expect(liveOnly.holds).toContain('only new readings')
      const pause = budgetOf({ ...limit, whenSpent: 'pause' }, spent)
      expect(pause.allow(moment(0))).toMatchObject({ live: 0, backfill: 0 })
      expect(pause.holds).toContain('nothing is sent')
    }
  })

  it('starts again with the next UTC day or month, and not before', () => {
    const budget = budgetOf({ bytesPerDay: 10_000, bytesPerMonth: 60_500, whenSpent: 'pause' }, spent)
    expect(budget.allow(moment(0, { utc: NOON + DAY_MS / 2 - 1 })).live).toBe(0)
    const tomorrow = moment(1, { utc: NOON + DAY_MS / 2 })
    expect(budget.allow(tomorrow).backfill).toBe(10_000)
    budget.spend(10_000, tomorrow)
    expect(budget.spent).toEqual({ day: '2026-11-25', dayBytes: 10_000, month: '2026-11', monthBytes: 60_000 })
    expect(budget.allow(moment(2, { utc: NOON + 2 * DAY_MS })).backfill).toBe(500)
    const december = budget.allow(moment(3, { utc: Date.UTC(2026, 11, 1) }))
    expect(december.backfill).toBe(10_000)
  })

  it('gives no bytes back when the clock is set back, and starts again with the day after', () => {
    const budget = budgetOf({ bytesPerDay: 10_000, whenSpent: 'pause' }, spent)
    for (const days of [1 / 86_400, 1 / 24, 1, 30, 300]) {
      const back = NOON - days * DAY_MS
      expect(budget.allow(moment(0, { utc: back })).live).toBe(0)
      expect(budget.spent).toMatchObject({ dayBytes: 10_000, monthBytes: 50_000 })
    }
    expect(budget.allow(moment(1, { utc: NOON - 299 * DAY_MS })).live).toBe(10_000)
  })

  it('gives no bytes back when a clock that began in 1970 is set for the first time', () => {
    const unset = moment(0, { utc: 60_000 })
    const budget = budgetOf({ bytesPerDay: 10_000, bytesPerMonth: 50_000, whenSpent: 'pause' }, undefined, unset)
    budget.spend(10_000, unset)
    expect(budget.allow(moment(1)).live).toBe(0)
    expect(budget.spent).toEqual({ day: '2026-11-24', dayBytes: 10_000, month: '2026-11', monthBytes: 10_000 })
    expect(budget.allow(moment(2, { utc: NOON + DAY_MS })).live).toBe(10_000)
  })

  it('allows nothing that does not fit any more', () => {
    const budget = budgetOf({ bytesPerDay: 10_000 + MESSAGE_BYTES_MIN - 1 }, spent)
    expect(budget.allow(moment(0)).backfill).toBe(0)
  })
})

describe('time windows', () => {
  it('hold back the backlog outside of the window, and never new readings; a window may cross midnight', () => {
    const budget = budgetOf({ windows: ['22:00-06:00', '12:30-12:31'] })
    const open = Array.from({ length: 1_440 }, (_, minuteOfDay) => {
      const { live, backfill } = budget.allow(moment(0, { minuteOfDay }))
      expect(live).toBe(Infinity)
      return backfill > 0
    })
    const expected = open.map((_, minute) => minute >= 1_320 || minute < 360 || minute === 750)
    expect(open).toEqual(expected)
  })
})

describe('an uplink without a budget', () => {
  it('holds nothing back, and still counts the bytes that it sends', () => {
    const budget = budgetOf({})
    expect(budget.allow(moment(0))).toEqual({ live: Infinity, backfill: Infinity, againMs: Infinity })
    budget.spend(1_000_000, moment(1))
    expect(budget.allow(moment(1))).toMatchObject({ live: Infinity, backfill: Infinity })
    expect(budget.spent).toMatchObject({ dayBytes: 1_000_000, monthBytes: 1_000_000 })
  })
})

const BYTES_PER_SECOND = 20_000
const STEP_MS = 100
const STEPS = 150
/** Fences without a new byte after which nothing more is on its way. */
const QUIET_FENCES = 4

describePeer('mosquitto', 'an uplink with a budget of 20,000 bytes per second and a backlog', () => {
  it('never exceeds it on the wire over any 5 seconds, both directions together, and uses at least half of it', async () => {
    let proxy!: TcpProxy
    const outbox = new ScriptedOutbox()
    Object.assign(outbox, { lane: 'backfill', padded: true, lastSeq: 1_000_000 })
    const via = async ({ port }: { port: number }): Promise<string> => {
      proxy = await startProxy({ to: port })
      return proxy.url
    }
    const budget = { bytesPerSecond: BYTES_PER_SECOND, windows: [], whenSpent: 'live-only' as const }
    const { receiver, uplink } = await startUplink({ budget, confirmTimeoutMs: 600_000 }, { outbox, via })
    // From now on the clock of the budget stands still between two steps.
    let now = performance.now()
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
    onTestFinished(() => clock.mockRestore())
    const crossed: { at: number; bytes: number }[] = []
    for (let answered = 0; crossed.length < STEPS; now += STEP_MS) {
      uplink.notify()
      // Until nothing more arrives, several times in a row: an uplink that has an answer may need a few turns to send more.
      for (let before = -1, quiet = 0; quiet < QUIET_FENCES; ) {
        quiet = before < proxy.bytesUp ? 0 : quiet + 1
        before = proxy.bytesUp
        await receiver.fence()
        for (; answered < receiver.arrived.length; answered++) await receiver.answer(answered)
        await receiver.fence()
      }
      crossed.push({ at: now, bytes: proxy.bytesUp + proxy.bytesDown })
    }
    for (const { at: from, bytes } of crossed) {
      const end = crossed.findLast(({ at }) => at <= from + 5_000)!
      expect(end.bytes - bytes).toBeLessThanOrEqual(5 * BYTES_PER_SECOND)
    }
    const all = crossed.at(-1)!.bytes - crossed[0]!.bytes
    expect(all).toBeGreaterThan((BYTES_PER_SECOND * STEPS * STEP_MS) / 1_000 / 2)
  })
})
