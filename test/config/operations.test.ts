import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ATTEMPTS_MAX,
  answered,
  enqueue,
  nextOperation,
  OPERATIONS_MAX,
  type Operation,
  RETRY_MS_MAX,
  retry,
} from '../../src/config/operations.ts'

const refused = { kind: 'refused', reason: 'not authorized' } as const
const WHAT = ['head', 'reported', 'conflict'] as const

/** The row of `pump` after this number of refusals. */
function refusedTimes(count: number, random = 0.99): Operation[] {
  let rows = enqueue([], 'pump', 'head', 0)
  for (let i = 0; i < count; i++) rows = answered(rows, rows[0]!, refused, 0, () => random)
  return rows
}

describe('the operations queue', () => {
  it('has at most one row per topic, whatever is requested', () => {
    const request = fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(...WHAT))
    fc.assert(
      fc.property(fc.array(request), (requests) => {
        const rows = requests.reduce<Operation[]>((all, [device, what]) => enqueue(all, device, what, 0), [])
        expect(rows.filter(({ device }) => device === 'a').length).toBeLessThanOrEqual(OPERATIONS_MAX)
        expect(new Set(rows.map(({ device, what }) => `${device} ${what}`)).size).toBe(rows.length)
      }),
    )
  })

  it('keeps a row that was requested again while it was in flight', () => {
    const [sent] = enqueue([], 'pump', 'head', 0)
    const again = enqueue([sent!], 'pump', 'head', 1)
    expect(answered(again, sent!, { kind: 'taken' }, 2, () => 0)).toHaveLength(1)
    expect(answered(again, again[0]!, { kind: 'taken' }, 2, () => 0)).toEqual([])
  })

  it('waits longer after each refusal, with full jitter and up to the maximum', () => {
    const pauses = Array.from({ length: ATTEMPTS_MAX }, (_, i) => refusedTimes(i + 1)[0]!.due)
    expect(pauses.slice(0, 3)).toEqual([990, 1_980, 3_960])
    expect(Math.max(...pauses)).toBeLessThanOrEqual(RETRY_MS_MAX)
    expect(refusedTimes(3, 0)[0]?.due).toBe(0)
  })

  it('asks for attention and pauses only that device after ten refusals, until a person retries', () => {
    const rows = enqueue(enqueue(refusedTimes(ATTEMPTS_MAX), 'pump', 'reported', 0), 'fan', 'head', 0)
    expect(rows[0]?.attention).toBe(true)
    expect(nextOperation(rows, RETRY_MS_MAX)?.device).toBe('fan')
    const others = rows.filter(({ device }) => device === 'pump')
    expect(nextOperation(others, RETRY_MS_MAX)).toBeUndefined()
    expect(nextOperation(retry(others, 'pump', 5), 5)?.device).toBe('pump')
  })

  it('does not count a lost link as an attempt', () => {
    const rows = enqueue([], 'pump', 'head', 0)
    expect(answered(rows, rows[0]!, { kind: 'lost' }, 9, () => 0)).toEqual(rows)
  })
})
