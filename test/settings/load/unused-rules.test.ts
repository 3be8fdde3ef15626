import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pattern } from '../../../src/base/pattern.ts'
import { compileRoute } from '../../../src/base/topics.ts'
import { loadEdgeSettings } from '../../../src/settings/load/load.ts'
import { unusedRules } from '../../../src/settings/load/unused-rules.ts'
import { tempFolder } from '../../../support/folder.ts'
import { runHere } from '../../cli/recorder.ts'

const matches = (...all: string[]): string[] => unusedRules({ quality: all.map((match) => ({ match })) })
const topics = (...all: string[]): string[] => unusedRules({ routes: all.map((topic) => ({ topic })) })

describe('a rule that can match nothing', () => {
  it('is reported when it names no metric, with what to write instead', () => {
    expect(matches('*', '*/*')).toEqual([expect.stringContaining('quality[0].match "*" matches nothing')])
    const retention = unusedRules({ store: { retention: [{ match: 'press-*' }] } })
    expect(retention).toEqual([expect.stringMatching(/^store\.retention\[0\]\.match .*write "press-\*\/\*"/)])
  })

  it('is reported when an earlier rule matches everything that it matches', () => {
    expect(matches('*/*', 'press-1/heat')).toEqual([expect.stringContaining('quality[1].match "press-1/heat" never')])
    expect(matches('press-*/heat', 'press-1*/heat')).toHaveLength(1)
    expect(matches('press-1/heat', 'press-*/heat', 'a*b/*', 'ab*/*', '*/*', '*/*/*')).toEqual([])
    expect(topics('a/{device}/#', 'a/{device}/{metric}')).toHaveLength(1)
    expect(topics('{device}/{metric}', 'a/{device}', 'b/{device#}')).toHaveLength(1)
    expect(
      topics('a/{device}', 'a/{device}/{metric}', 'a/{device}/#', '+/{device}/b/{metric}', '$SYS/{device}'),
    ).toEqual([])
  })

  it('is never one that matches a name which no earlier rule matches', () => {
    const level = fc.stringMatching(/^[ab*]{1,3}$/)
    const match = fc.tuple(level, level).map((levels) => levels.join('/'))
    const name = fc.tuple(fc.stringMatching(/^[ab]{1,4}$/), fc.stringMatching(/^[ab]{1,4}$/))
    fc.assert(
      fc.property(match, match, fc.array(name, { minLength: 50, maxLength: 50 }), (earlier, later, names) => {
        if (matches(earlier, later).length === 0) return
        const texts = names.map((levels) => levels.join('/'))
        expect(texts.filter(pattern(later)).every(pattern(earlier))).toBe(true)
      }),
    )
    const part = fc.constantFrom('a', 'b', '+', '{device}')
    const route = fc
      .tuple(fc.array(part, { maxLength: 3 }), fc.constantFrom('{device}', '{device#}', '{device}/#'))
      .map(([parts, last]) => [...parts, last].join('/'))
    const topic = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((one) => one.join('/'))
    fc.assert(
      fc.property(route, route, fc.array(topic, { minLength: 50, maxLength: 50 }), (earlier, later, all) => {
        if (topics(earlier, later).length === 0) return
        const [before, after] = [compileRoute(earlier), compileRoute(later)]
        expect(all.filter((one) => after.match(one) !== undefined).every((one) => before.match(one))).toBe(true)
      }),
    )
  })

  it('is a warning of `settings check` and at the start, and no error', async () => {
    const file = join(tempFolder(), 'edge.yaml')
    writeFileSync(file, "edge: plant-7\nquality: [{ match: '*', gapS: 60 }]\n")
    const warnings: string[] = []
    loadEdgeSettings(file, {}, (warning) => warnings.push(warning))
    expect(warnings).toEqual([expect.stringContaining('quality[0].match')])
    expect(await runHere(['settings', 'check', file])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^warning: quality\[0\]\.match "\*" matches nothing/),
    })
  })

  it('is not in the examples', async () => {
    const { stderr } = await runHere(['settings', 'check', 'examples/edge.yaml'])
    expect(stderr).not.toContain('match')
  })
})
