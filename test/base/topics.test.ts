import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compileRoute,
  filterMatches,
  filterProblem,
  LEVELS_MAX,
  nameProblem,
  topicProblem,
} from '../../src/base/topics.ts'

const level = fc.constantFrom('a', 'b', '', 'plant-7', '$SYS', 'ü', 'temperature')
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'))
const legalTopic = topic.filter((text) => topicProblem(text) === undefined)

describe('publish topics (MQTT 3.1.1 §4.7)', () => {
  it.each(['a', '/', '/a', 'a//b', 'Ünïcode/温度', '$SYS/x', ' ', 'x'.repeat(65_535), 'é'.repeat(32_767)])(
    'are accepted when they are legal: %.20s',
    (legal) => expect(topicProblem(legal)).toBeUndefined(),
  )

  it.each([
    ['', /empty/],
    ['a/+/b', /wildcard/],
    ['a/#', /wildcard/],
    ['a#', /wildcard/],
    ['a\0b', /U\+0000/],
    ['a/\ud800', /surrogate/],
    ['x'.repeat(65_536), /65535 bytes/],
    ['é'.repeat(32_768), /65535 bytes/],
  ])('are refused with the reason when they are illegal: %.20s', (illegal, reason) => {
    expect(topicProblem(illegal)).toMatch(reason)
  })
})

describe('topic filters (MQTT 3.1.1 §4.7.1)', () => {
  it.each(['#', '+', '+/+', 'a/#', '+/a/#', '/+', '/', 'a//#'])('are accepted when they are legal: %s', (legal) => {
    expect(filterProblem(legal)).toBeUndefined()
  })

  it.each(['', 'a#', '+a', 'a+/b', '#/a', 'a/#/b', '##', '++', 'a\0', '\udc00'])(
    'are refused when they are illegal: %s',
    (illegal) => expect(filterProblem(illegal)).toBeTypeOf('string'),
  )

  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['sport/#', 'sports', false],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/x', false],
    ['+/monitor', '$SYS/monitor', false],
    ['$SYS/#', '$SYS/monitor', true],
    ['a/$b', 'a/$b', true],
    ['a/+', 'a/$b', true],
    ['a', 'A', false],
  ])('match topics as the standard says: %s on %s is %s', (filter, name, covered) => {
    expect(filterMatches(filter, name)).toBe(covered)
  })

  it('match exactly the same text when they have no wildcard', () => {
    fc.assert(fc.property(legalTopic, legalTopic, (a, b) => filterMatches(a, b) === (a === b)))
  })

  it('still match a topic when one level becomes `+`, or one level and all after it become `#`', () => {
    fc.assert(
      fc.property(legalTopic, fc.nat(4), (name, index) => {
        const levels = name.split('/')
        fc.pre(index < levels.length && !(index === 0 && name.startsWith('$')))
        expect(filterMatches(levels.with(index, '+').join('/'), name)).toBe(true)
        expect(filterMatches([...levels.slice(0, index), '#'].join('/'), name)).toBe(true)
      }),
    )
  })
})

describe('the levels of a topic', () => {
  const deep = (levels: number): string => Array.from({ length: levels }, () => 'x').join('/')

  it.each([topicProblem, filterProblem, (text: string) => filterProblem(text.replace('x', '+'))])(
    'are bounded, so that the index of subscriptions never throws',
    (problem) => {
      expect(problem(deep(LEVELS_MAX))).toBeUndefined()
      expect(problem(deep(LEVELS_MAX + 1))).toMatch(/has 65 levels/)
      expect(problem('/'.repeat(65_535))).toMatch(/has 65536 levels/)
    },
  )

  it('are bounded in the template of a route', () => {
    expect(() => compileRoute(`{device}/${deep(LEVELS_MAX - 1)}`)).not.toThrow()
    expect(() => compileRoute(`{device}/${deep(LEVELS_MAX)}`)).toThrow(/has 65 levels/)
  })
})

describe('names of devices and metrics', () => {
  it.each(['a', 'x'.repeat(128), 'Kessel 1', '温度', '__proto__', '😀'])('may be any text: %.20s', (name) => {
    expect(nameProblem(name)).toBeUndefined()
  })

  it.each(['', 'x'.repeat(129), 'a\nb', '\u007f', '\u0085', 'a\0', '\ud83d', '\udc00x'])(
    'are refused when they are empty, too long or unprintable: %j',
    (name) => expect(nameProblem(name)).toBeTypeOf('string'),
  )
})

describe('a route', () => {
  it.each([
    ['telemetry/{device}/{metric}', 'telemetry/d1/temperature', { device: 'd1', metric: 'temperature' }],
    ['telemetry/{device}/{metric}', 'telemetry/d1', undefined],
    ['telemetry/{device}/{metric}', 'telemetry/d1/a/b', undefined],
    ['telemetry/{device}/{metric}', 'telemetry//x', { device: '', metric: 'x' }],
    ['telemetry/{device}', 'telemetry/d1', { device: 'd1', metric: undefined }],
    ['telemetry/{device}', 'telemetr/d1', undefined],
    ['{metric}/of/{device}', 'heat/of/d1', { device: 'd1', metric: 'heat' }],
    ['+/{device}/#', 'x/d1', { device: 'd1', metric: undefined }],
    ['+/{device}/#', 'x/d1/y/z', { device: 'd1', metric: undefined }],
    ['{device}/x', '$SYS/x', undefined],
    ['$devices/{device}', '$devices/d1', { device: 'd1', metric: undefined }],
    ['{device}', '{device}', { device: '{device}', metric: undefined }],
    ['N/+/{device}/{device}/Dc/0/{metric}', 'N/p1/solar/279/Dc/0/V', { device: 'solar.279', metric: 'V' }],
    ['N/+/{device}/{device}/Dc/0/{metric}', 'N/p1/solar/279/Dc/1/V', undefined],
    ['N/{device}/{metric#}', 'N/p1/solar/279/Dc/0/V', { device: 'p1', metric: 'solar.279.Dc.0.V' }],
    ['N/{device}/{metric#}', 'N/p1/V', { device: 'p1', metric: 'V' }],
    ['N/{device}/{metric#}', 'N/p1/1.2', { device: 'p1', metric: '1%2E2' }],
    ['N/{device}/{metric}', 'N/p1/1.2', { device: 'p1', metric: '1.2' }],
    ['N/{device}/{metric#}', 'N/p1/', { device: 'p1', metric: '' }],
    ['N/{device}/{metric#}', 'N/p1', undefined],
    ['{metric}/{device#}', 'temp/hall 1/rack/3', { device: 'hall 1.rack.3', metric: 'temp' }],
    ['{device}/{metric}/{device}/{metric#}', 'a/b/c/d/e', { device: 'a.c', metric: 'b.d.e' }],
    ['{device}/{device}', 'a.b/c', { device: 'a%2Eb.c', metric: undefined }],
    ['{device}/{device}', 'a/b.c', { device: 'a.b%2Ec', metric: undefined }],
    ['{device}/{device}', 'a%2Eb/c', { device: 'a%252Eb.c', metric: undefined }],
    ['{device}', 'a.b', { device: 'a.b', metric: undefined }],
    ['{device#}', '$SYS/x', undefined],
  ])('with template %s extracts the names from topic %s', (template, name, expected) => {
    expect(compileRoute(template).match(name)).toEqual(expected)
  })

  it.each([
    ['', /empty/],
    ['telemetry/x', /must contain \{device\}/],
    ['telemetry/{metric}', /must contain \{device\}/],
    ['{device}/{metric#}/x', /"\{metric#\}" stands for all levels that are left, so it must be the last level/],
    ['{device}/{metric#}/#', /must be the last level/],
    ['{device}/x{metric#}', /whole level, not part of "x\{metric#\}"/],
    ['{device}/{metric}#', /whole level, not part of/],
    ['{device}/{metric+}', /unknown placeholder "\{metric\+\}"/],
    ['x-{device}', /whole level, not part of "x-\{device\}"/],
    ['{devcie}/x', /unknown placeholder "\{devcie\}"/],
    ['{device}/#/x', /'#' must be the last level/],
    ['{device}/a+', /'\+' must be a whole level/],
  ])('is refused with the reason when its template is invalid: %s', (template, fault) => {
    expect(() => compileRoute(template)).toThrow(fault)
  })

  it('never makes one name of different levels', () => {
    const route = compileRoute('x/{device}/{device}/{metric#}')
    const part = fc.constantFrom('a', 'b', 'a.b', 'a%2Eb', '.', '', '%', '%25')
    const parts = fc.array(part, { minLength: 3, maxLength: 4 })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        fc.pre(a.join('/') !== b.join('/'))
        expect(route.match(`x/${a.join('/')}`)).not.toEqual(route.match(`x/${b.join('/')}`))
      }),
      { numRuns: 5_000 },
    )
  })

  it.each(['x/{device}/{metric}', 'x/{device}/{metric#}', 'x/{metric}/{device#}'])(
    'keeps no more of a name that is too long than is needed to refuse it: %s',
    (template) => {
      const long = 'ü.'.repeat(30_000)
      const { device, metric } = compileRoute(template).match(`x/${long}/${long}`)!
      for (const name of [device, metric!]) {
        expect(name.length).toBe(129)
        expect(nameProblem(name)).toBe(nameProblem(long))
      }
    },
  )

  it('matches the same topics as the filter that has `+` for each placeholder', () => {
    const levels = fc.array(fc.constantFrom('a', 'b', '+', '{metric}'), { maxLength: 3 })
    fc.assert(
      fc.property(levels, fc.boolean(), legalTopic, (around, open, name) => {
        const parts = [...around, '{device}', ...(open ? ['#'] : [])]
        const filter = parts.map((part) => part.replace(/^\{.*\}$/, '+')).join('/')
        expect(compileRoute(parts.join('/')).match(name) !== undefined).toBe(filterMatches(filter, name))
      }),
    )
  })
})
