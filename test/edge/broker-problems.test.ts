import { describe, expect, it } from 'vitest'
import type { GuardStats } from '../../src/broker/guards/guards.ts'
import { brokerProblems } from '../../src/edge/broker-problems.ts'

const QUIET: GuardStats = {
  connections: 1,
  refused: 0,
  illFormed: 0,
  refusals: {},
  incompleteBytes: 0,
  takeovers: { count: 1, fights: [] },
  unrouted: { policy: 'store', count: 3, recent: 0, topics: ['a'], patterns: 1, retained: 0, local: 0 },
  failures: { count: 0, place: undefined, agoMs: undefined },
}

function problems(stats: Partial<GuardStats>): string[] {
  return brokerProblems({ ...QUIET, ...stats })
}

describe('the health of the broker', () => {
  it('has no problem while nothing is refused', () => expect(problems({})).toEqual([]))

  it('names devices that fight for a client id, and where they are', () => {
    const fights = [{ client: 'a"\\u202e', takeovers: 9, addresses: ['10.0.0.1', '10.0.0.2'] }]
    const [problem] = problems({ takeovers: { count: 9, fights } })
    expect(problem).toContain('client id "a\\"\\\\u202e"')
    expect(problem).toContain('10.0.0.1, 10.0.0.2')
    expect(problem).toContain('(9 times)')
  })

  it('reports refusals by reason: one that others pay for at once, others when there are ten', () => {
    expect(problems({ refusals: { malformed: { total: 9, recent: 9 } } })).toEqual([])
    expect(problems({ refusals: { malformed: { total: 99, recent: 0 } } })).toEqual([])
    expect(problems({ refusals: { malformed: { total: 10, recent: 10 } } })).toHaveLength(1)
    for (const reason of ['connections', 'connectionsPerAddress', 'incomplete', 'slowSubscriber'] as const) {
      expect(problems({ refusals: { [reason]: { total: 1, recent: 1 } } })).toHaveLength(1)
    }
  })

  it('reports an exception for an hour', () => {
    const failures = { count: 2, place: 'data', agoMs: 1_000 }
    expect(problems({ failures })[0]).toContain('2 exceptions, the last one in data')
    expect(problems({ failures: { ...failures, agoMs: 3_600_000 } })).toEqual([])
  })
})
