import { describe, expect, it } from 'vitest'
import { prettyLine } from '../../../src/base/text/pretty-log.ts'

const line = (entry: object): string => `${JSON.stringify({ time: '2026-11-30T20:32:01.652Z', ...entry })}\n`

describe('a line of the log for people', () => {
  it('begins with the time, the name of the level and what happened, and has every other member', () => {
    const members = { pid: 7, name: 'plant-7', part: 'uplink', uplink: 'cloud', count: 3, topics: ['a b'] }
    expect(prettyLine(line({ level: 'warn', ...members, msg: 'the connection ended' }))).toBe(
      '2026-11-30T20:32:01.652Z WARN  the connection ended  part=uplink uplink=cloud count=3 topics=["a b"]\n',
    )
  })

  it('has the reason of an error once, and its stack only if a person must act', () => {
    const err = { type: 'Error', message: 'connect ECONNREFUSED', stack: 'Error: connect ECONNREFUSED\n    at x' }
    expect(prettyLine(line({ level: 'warn', err, msg: 'failed' }))).toMatch(/failed {2}error="connect ECONNREFUSED"\n$/)
    const withReason = prettyLine(line({ level: 'warn', reason: 'connect ECONNREFUSED', err, msg: 'failed' }))
    expect(withReason.split('ECONNREFUSED')).toHaveLength(2)
    expect(prettyLine(line({ level: 'error', err, msg: 'failed' }))).toContain('\n    at x\n')
  })

  it('does not print what a terminal would obey, and leaves a line that is not JSON as it is', () => {
    const text = prettyLine(line({ level: 'info', topic: 'a\u001b[2Jb', msg: 'x\u202ey\nz' }))
    expect(text).toContain('\\u202e')
    expect(text.split('\n')).toHaveLength(2)
    expect(text).not.toContain('\u001b')
    expect(prettyLine('not JSON\n')).toBe('not JSON\n')
  })
})
