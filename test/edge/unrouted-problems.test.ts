import { describe, expect, it } from 'vitest'
import { unroutedProblems } from '../../src/edge/unrouted-problems.ts'

type Stats = Parameters<typeof unroutedProblems>[0]
type Kept = Parameters<typeof unroutedProblems>[1]

const QUIET: Stats = { policy: 'store', count: 30, recent: 0, topics: ['x/y', 'z'], patterns: 2, retained: 9, local: 9 }
const KEPT: Kept = {
  ...{ count: 30, countMax: 100, bytes: 9_000, bytesMax: 10_000, removedForRoom: 0, lastRemovedMs: undefined },
  ...{ stored: 30, replayed: 0, dropped: 0, discarded: 0, lastDroppedMs: undefined, routed: 0 },
}

function problems(stats: Partial<Stats>, kept: Partial<Kept> = {}, reportUnrouted = true): string[] {
  return unroutedProblems({ ...QUIET, ...stats }, { ...KEPT, ...kept }, { reportUnrouted })
}

describe('the health of an edge with messages that have no route', () => {
  it('has no problem while none arrives: neither kept ones, nor retained ones, nor those of local subscribers', () => {
    expect(problems({})).toEqual([])
  })

  it('names their topics and what happens to them, unless the settings say that they are of no use', () => {
    expect(problems({ recent: 20 })[0]).toContain('"x/y", "z"')
    expect(problems({ recent: 20 })[0]).toContain('tidegate unrouted replay')
    expect(problems({ recent: 20, policy: 'ack' })[0]).toContain('are lost')
    expect(problems({ recent: 20, policy: 'refuse' })[0]).toContain('not acknowledged')
    expect(problems({ recent: 20 }, {}, false)).toEqual([])
  })

  it('reports for an hour that some were dropped', () => {
    expect(problems({}, { dropped: 7, lastDroppedMs: 1_000 })[0]).toContain('7 messages')
    expect(problems({}, { dropped: 7, lastDroppedMs: 3_600_001 })).toEqual([])
    expect(problems({}, { dropped: 7, lastDroppedMs: 1_000 }, false)).toEqual([])
  })

  it('asks for a replay when kept messages have a route', () => {
    expect(problems({}, { routed: 12 }, false)[0]).toContain('12 messages')
  })
})
