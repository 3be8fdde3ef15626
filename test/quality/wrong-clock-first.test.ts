import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason, reasonNames } from '../../src/base/flags.ts'
import { Judge, type JudgeInput } from '../../src/quality/judge.ts'
import { input, judgeAll, rule, stored, T0 } from './feed.ts'

const DAY_MS = 86_400_000
const YEAR_2000 = Date.UTC(2000, 0, 1)

/** Without staleS: a device whose time is old is not the subject here. */
const RULES = [
  rule({
    spike: { suspect: 5, fail: 20 },
    rate: { suspect: 5, fail: 20 },
    flat: { suspectS: 10, failS: 20, tolerance: 0.1 },
    maxGapS: 60,
    gapS: 60,
  }),
]

/** One run of the clock of an edge: how far it is ahead, whether it is believed, and its values, one each second. */
interface Run {
  readonly aheadMs: number
  readonly clockSynced: boolean
  readonly count: number
  readonly timed: boolean
}

const wrongRun: fc.Arbitrary<Run> = fc.record({
  aheadMs: fc.constantFrom(YEAR_2000 - T0, -3 * 3_600_000, -90_000, 90_000, 3_600_000, 2 * DAY_MS, 10_000 * DAY_MS),
  clockSynced: fc.boolean(),
  count: fc.integer({ min: 1, max: 12 }),
  timed: fc.constant(false),
})

const rightRun: fc.Arbitrary<Run> = fc.record({
  aheadMs: fc.constant(0),
  clockSynced: fc.constant(true),
  count: fc.integer({ min: 1, max: 12 }),
  timed: fc.boolean(),
})

/** Values that change by 1 a second: none of them is odd. */
function readingsOf(runs: readonly Run[]): JudgeInput[] {
  let seq = 0
  let clockRun = 0
  return runs.flatMap(({ aheadMs, clockSynced, count, timed }, i) => {
    if (i > 0 && aheadMs < runs[i - 1]!.aheadMs) clockRun++
    return Array.from({ length: count }, () => {
      seq++
      const receivedAt = T0 + seq * 1_000 + aheadMs
      const ts = timed ? receivedAt - 1 : receivedAt
      return input(seq, { value: seq % 2, ts, receivedAt, clockSynced, clockRun })
    })
  })
}

/** The reasons against the readings that arrived while the clock was right. */
function reasonsWhenRight(readings: readonly JudgeInput[], judge = new Judge(RULES)): string[] {
  const { last } = judgeAll(judge, readings)
  const right = last.filter((_, i) => readings[i]!.receivedAt === T0 + readings[i]!.seq * 1_000)
  return right.map(({ reasons }) => reasonNames(reasons & ~Reason.GAP_BEFORE).join(' '))
}

describe('readings with the right time', () => {
  it('are good whatever time a wrong clock gave to earlier ones, in every order of right and wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(wrongRun, rightRun), { minLength: 1, maxLength: 6 }), (runs) => {
        const readings = readingsOf(runs)
        expect(reasonsWhenRight(readings).join('')).toBe('')
      }),
    )
  })

  it('are good after a restart, too', () => {
    fc.assert(
      fc.property(wrongRun, rightRun, (wrong, right) => {
        const runs = [wrong, right]
        const readings = readingsOf(runs)
        const before = readings.slice(0, wrong.count)
        const { last } = judgeAll(new Judge(RULES), before)
        const restarted = new Judge(RULES)
        for (const [i, reading] of before.entries()) restarted.replay(1, stored(reading, last[i]!))
        expect(reasonsWhenRight(readings.slice(wrong.count), restarted).join('')).toBe('')
      }),
    )
  })

  it('still count as late after a device clock that is ahead by less than futureS', () => {
    const readings = [
      input(1, { ts: T0 + 20_000, receivedAt: T0, clockRun: 0 }),
      input(2, { ts: T0 + 1_000, receivedAt: T0 + 1_001, clockRun: 1 }),
    ]
    const { last } = judgeAll(new Judge(RULES), readings)
    expect(reasonNames(last[1]!.reasons)).toEqual(['TIME_BACKWARD'])
  })
})
