import { describe, expect, it } from 'vitest'
import { SHOWN_MS, sessionProblems } from '../../src/edge/session-problems.ts'

const never = { count: 0, last: undefined, lastMs: undefined }

function problems(change: { readonly slow?: object; readonly retained?: object; readonly wills?: object }): string[] {
  const sessions = { slow: never, givenUp: never, evicted: never, filtersRefused: never, ...change } as never
  const refused = { refused: never }
  return sessionProblems({
    sessions,
    retained: { ...refused, ...change.retained } as never,
    wills: { ...refused, ...change.wills } as never,
  })
}

describe('problems of local clients', () => {
  it('are none while nothing is dropped', () => {
    expect(problems({})).toEqual([])
  })

  it('name the setting and the client, escaped and cut, for ten minutes', () => {
    const last = `evil\u001b\n${'x'.repeat(500)}`
    const shown = problems({ slow: { count: 7, last, lastMs: SHOWN_MS } })
    expect(shown).toHaveLength(1)
    expect(shown[0]).toContain('7 messages were dropped')
    expect(shown[0]).toContain('"evil\\u001b\\n')
    expect(shown[0]!.length).toBeLessThan(400)
    expect(problems({ slow: { count: 7, last, lastMs: SHOWN_MS + 1 } })).toEqual([])
    const refused = { count: 3, last: 'a', lastMs: 1 }
    expect(problems({ retained: { refused } })[0]).toContain('broker.retainedBytesMax')
    expect(problems({ wills: { refused } })[0]).toContain('wills')
  })
})
