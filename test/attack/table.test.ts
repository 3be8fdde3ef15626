import { expect, it } from 'vitest'
import { ATTACKS } from './attacks/attacks.ts'
import type { Result } from './play.ts'
import { MAX_MS_MAX, markdown, P99_MS_MAX, problemsOf, RSS_MB_MAX } from './table.ts'

const HELD: Result = {
  attack: ATTACKS[0]!,
  p50: 3,
  p99: P99_MS_MAX - 1,
  max: MAX_MS_MAX - 1,
  rssMb: RSS_MB_MAX - 1,
  exit: undefined,
  lost: 0,
  unanswered: 0,
  harms: [],
  remark: '',
}

it('an attack is held only when the honest client has fast answers and everything stored, and the victim lives', () => {
  expect(problemsOf(HELD)).toEqual([])
  expect(problemsOf({ ...HELD, rssMb: undefined })).toEqual([])
  const worse: Partial<Result>[] = [
    { p99: P99_MS_MAX },
    { p99: Number.NaN },
    { max: MAX_MS_MAX },
    { rssMb: RSS_MB_MAX },
    { exit: 0 },
    { lost: 1 },
    { unanswered: 1 },
    { harms: ['a client cannot connect again'] },
  ]
  for (const one of worse) {
    const result = { ...HELD, ...one }
    expect(problemsOf(result)).toHaveLength(1)
    expect(markdown([result])).toContain('**no**')
  }
})

it('every attack has a name and a title of its own', () => {
  for (const of of ['key', 'title'] as const) {
    expect(new Set(ATTACKS.map((attack) => attack[of])).size).toBe(ATTACKS.length)
  }
})
