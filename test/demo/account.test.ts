import { describe, expect, it } from 'vitest'
import { compareCounts } from '../../src/demo/account.ts'

const EDGE = { stored: 100, confirmed: 100, waiting: 0, rejected: 2, duplicate: 3, problems: [] }
const RECEIVER = { received: 100, different: 100, quality: { good: 90, uncertain: 6, bad: 4 } }

describe('the account', () => {
  it('agrees when devices, edge and receiver have the same counts', () => {
    const account = compareCounts(100, EDGE, RECEIVER)
    expect(account).toMatchObject({ taken: 100, stored: 100, received: 100, lost: 0, twice: 0, problems: [] })
  })

  it('reports no problem when the edge stored a reading whose acknowledgement the device missed', () => {
    expect(compareCounts(99, EDGE, RECEIVER).problems).toEqual([])
  })

  it.each([
    ['an acknowledged reading that the edge does not have', 101, EDGE, RECEIVER, { lost: 1, twice: 0 }],
    [
      'a stored reading that never arrived',
      100,
      EDGE,
      { ...RECEIVER, received: 99, different: 99 },
      { lost: 1, twice: 0 },
    ],
    ['a reading that arrived twice', 100, EDGE, { ...RECEIVER, received: 101 }, { lost: 0, twice: 1 }],
    ['a lost reading and another that arrived twice', 100, EDGE, { ...RECEIVER, different: 99 }, { lost: 1, twice: 1 }],
    [
      'a reading that the edge does not know',
      100,
      EDGE,
      { ...RECEIVER, received: 101, different: 101 },
      { lost: 0, twice: 0 },
    ],
    ['a ledger that does not balance', 100, { ...EDGE, problems: ['hall-1: …'] }, RECEIVER, { lost: 0, twice: 0 }],
    ['a reading that still waits', 100, { ...EDGE, confirmed: 99, waiting: 1 }, RECEIVER, { lost: 0, twice: 0 }],
    [
      'a backlog that was not sent, which is not lost',
      100,
      { ...EDGE, confirmed: 60, waiting: 40 },
      { ...RECEIVER, received: 60, different: 60 },
      { lost: 0, twice: 0 },
    ],
  ])('reports %s', (_, taken, edge, receiver, expected) => {
    const account = compareCounts(taken, edge, receiver)
    expect(account).toMatchObject(expected)
    expect(account.problems.length).toBeGreaterThan(0)
  })
})
