import { describe, expect, it } from 'vitest'
import { downProblems } from '../../src/edge/down-problems.ts'

type Link = Parameters<typeof downProblems>[0][number]
type Kept = Parameters<typeof downProblems>[1]

const LINK: Link = {
  ...{ uplink: 'cloud', connected: true, received: 9, refused: 1, retainedIgnored: 1, fullMs: undefined },
  ...{ failures: 0, lastFailure: undefined },
}
const KEPT: Kept = {
  ...{ waiting: 7, bytes: 900, countMax: 7, bytesMax: 1_000, oldestAt: 0 },
  ...{ stored: 9, delivered: 2, expired: 0, discarded: 0, damaged: 0 },
}

function problems(link: Partial<Link>): string[] {
  return downProblems([{ ...LINK, ...link }], KEPT)
}

describe('the health of an edge with routes down', () => {
  it('has no problem while messages wait and there is room, nor after one failure or a moment without room', () => {
    expect(problems({})).toEqual([])
    expect(problems({ connected: false, failures: 1, lastFailure: 'away' })).toEqual([])
    expect(problems({ connected: false, fullMs: 1_000 })).toEqual([])
  })

  it('says that there is no room, and which commands help', () => {
    const [text = ''] = problems({ connected: false, fullMs: 20_000, failures: 9, lastFailure: 'away' })
    expect(text).toContain('7 messages (900 bytes)')
    expect(text).toContain('tidegate down list')
    expect(problems({ connected: false, fullMs: 20_000, failures: 9, lastFailure: 'away' })).toHaveLength(1)
  })

  it('says why the connection fails again and again', () => {
    expect(problems({ connected: false, failures: 3, lastFailure: 'not authorized' })[0]).toContain('not authorized')
  })
})
