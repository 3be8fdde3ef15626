import { describe, expect, it } from 'vitest'
import { GOOD, Reason, reasonNames } from '../../src/base/flags.ts'
import { Judge, type JudgeInput } from '../../src/quality/judge.ts'
import { input, judgeAll, qualities, rule, T0 } from './feed.ts'

const HOUR_MS = 3_600_000
const BACKFILL = { quality: 1, reasons: Reason.HISTORICAL } as const

/** Readings at these seconds after T0, each arrived without delay. */
function at(...seconds: number[]): JudgeInput[] {
  return seconds.map((s, i) => input(i + 1, { ts: T0 + s * 1000, value: i }))
}

function names(judge: Judge, readings: readonly JudgeInput[]): string[] {
  return judgeAll(judge, readings).last.map(({ reasons }) => reasonNames(reasons).join(' '))
}

describe('the order of times', () => {
  it('marks a reading that is older than the latest one, and a reading of the same time', () => {
    const { last } = judgeAll(new Judge([]), at(1, 3, 2, 3, 2.5, 4))
    expect(last).toEqual([
      GOOD,
      GOOD,
      { quality: 3, reasons: Reason.TIME_BACKWARD },
      { quality: 1, reasons: Reason.DUPLICATE },
      { quality: 3, reasons: Reason.TIME_BACKWARD },
      GOOD,
    ])
  })

  it('keeps late readings and duplicates out of every window', () => {
    const rules = [
      rule({
        spike: { fail: 5 },
        rate: { fail: 5 },
        flat: { failS: 3, tolerance: 1 },
        attenuated: { windowS: 3, fail: 1 },
      }),
    ]
    const [a, b, c, d] = at(0, 1, 2, 3)
    const steady = [a!, b!, c!, d!].map((reading) => ({ ...reading, value: 7 }))
    const late = input(90, { ts: T0 - 1000, value: 999, receivedAt: T0 })
    const twice = input(91, { ts: steady[2]!.ts, value: 999 })
    const disturbed = [steady[0]!, late, steady[1]!, steady[2]!, twice, { ...late, seq: 92, value: null }, steady[3]!]
    const plain = judgeAll(new Judge(rules), steady).last
    const { last, amendments } = judgeAll(new Judge(rules), disturbed)
    expect(amendments).toEqual([])
    expect([0, 2, 3, 6].map((i) => last[i])).toEqual(plain)
    expect(last[6]).toEqual({ quality: 4, reasons: Reason.FLAT | Reason.ATTENUATED })
  })
})

describe('a silence', () => {
  it('longer than gapS marks the reading after it, and never the first of a series', () => {
    expect(names(new Judge([rule({ gapS: 10 })]), at(0, 10, 20.001, 21))).toEqual(['', '', 'GAP_BEFORE', ''])
    expect(qualities(judgeAll(new Judge([rule({ gapS: 10 })]), at(0, 60)).last)).toEqual([1, 1])
  })

  it('also ends with a missing reading', () => {
    const readings = at(0, 8, 16)
    readings[1] = { ...readings[1]!, value: null }
    expect(names(new Judge([rule({ gapS: 10 })]), readings)).toEqual(['', 'MISSING', ''])
  })
})

describe('the clock of the edge', () => {
  const ahead = (ms: number, over: Partial<JudgeInput> = {}) => input(1, { ts: T0 + ms, receivedAt: T0, ...over })

  it('makes a reading from the future bad', () => {
    const of = (ms: number) => new Judge([]).judge(1, ahead(ms))
    expect(of(300_000)).toBe(GOOD)
    expect(of(300_001)).toEqual({ quality: 4, reasons: Reason.TIME_FUTURE })
    expect(new Judge([rule({ futureS: 1 })]).judge(1, ahead(1001)).quality).toBe(4)
  })

  it('makes an old reading suspect, unless the device marks it as a backfill', () => {
    const of = (ms: number, over: Partial<JudgeInput> = {}) =>
      new Judge([rule({ staleS: 60 })]).judge(1, ahead(ms, over))
    expect(of(-60_000)).toBe(GOOD)
    expect(of(-60_001)).toEqual({ quality: 3, reasons: Reason.TIME_STALE })
    expect(of(-HOUR_MS, { claim: BACKFILL })).toEqual(BACKFILL)
    expect(new Judge([]).judge(1, ahead(-HOUR_MS))).toBe(GOOD)
  })

  it('makes every reading suspect while it is unsynced, and judges no time by it', () => {
    const judge = new Judge([rule({ staleS: 60 })])
    const suspect = { quality: 3, reasons: Reason.CLOCK_UNSYNCED }
    expect(judge.judge(1, ahead(-HOUR_MS, { clockSynced: false }))).toEqual(suspect)
    expect(judge.judge(1, ahead(HOUR_MS, { clockSynced: false }))).toEqual(suspect)
  })
})

describe('a clock that jumps', () => {
  it('into the future has no effect on the readings around it, which are compared with each other', () => {
    const [a, b, c] = at(0, 2, 3)
    const future = input(9, { ts: T0 + HOUR_MS, receivedAt: T0 + 1000, value: 999 })
    const judge = new Judge([rule({ rate: { fail: 5 } })])
    expect(names(judge, [a!, future, { ...b!, value: 50 }, { ...c!, value: 51 }])).toEqual([
      '',
      'TIME_FUTURE',
      'RATE',
      '',
    ])
  })

  it.each([50, 2])('back makes the series begin again once the edge has the right time, after value %d', (value) => {
    const flatAfter2s = { flat: { failS: 2, tolerance: 3 }, attenuated: { windowS: 2, fail: 3 } }
    const judge = new Judge([rule({ spike: { fail: 5 }, rate: { fail: 5 }, ...flatAfter2s })])
    const wrong = [0, 1].map((i) => input(i + 1, { ts: T0 + HOUR_MS + i, value, clockSynced: false }))
    const stillWrong = input(3, { ts: T0, value, clockSynced: false })
    const right = [0, 0, 0, 8].map((after, i) => input(4 + i, { ts: T0 + i * 1000, value: after }))
    expect(names(judge, [...wrong, stillWrong, ...right])).toEqual([
      'CLOCK_UNSYNCED',
      'CLOCK_UNSYNCED',
      'TIME_BACKWARD CLOCK_UNSYNCED',
      '',
      '',
      'FLAT ATTENUATED',
      'RATE',
    ])
  })

  it('from 1970 to the present clears the windows', () => {
    const early = [0, 1000, 2000].map((ts, i) => input(i + 1, { ts, clockSynced: false }))
    const readings = [...early, input(4, { ts: T0, value: 9 }), input(5, { ts: T0 + 1000, value: 9 })]
    const judge = new Judge([rule({ rate: { fail: 1e-12 }, flat: { failS: 2, tolerance: 100 }, gapS: 60 })])
    expect(names(judge, readings).slice(2)).toEqual(['FLAT CLOCK_UNSYNCED', 'GAP_BEFORE', ''])
  })
})
