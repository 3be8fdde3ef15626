import { describe, expect, it } from 'vitest'
import { forwardTargetProblem, forwardTopic } from '../../../src/base/forwarding.ts'
import { edgeSettings } from '../../../src/settings/edge.ts'

const UPLINK = { url: 'mqtt://127.0.0.1:1' }

function problems(route: object, uplinks: object[] = [UPLINK]): string[] {
  const parsed = edgeSettings.safeParse({ edge: 'site', routes: [{ topic: 'a/{device}' }, route], uplinks })
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a forward route', () => {
  it('needs only a filter; `to` and `uplinks` are optional', () => {
    expect(problems({ topic: 'events/+/#', forward: true })).toEqual([])
    expect(problems({ topic: '#', forward: true, to: 'sites/{edge}/{topic}', uplinks: ['cloud'] })).toEqual([])
  })

  it('is refused with the place of the problem when it is invalid', () => {
    expect(problems({ topic: 'e/{device}', forward: true })[0]).toMatch(/^routes\.1\.topic: a forward route is a plain/)
    expect(problems({ topic: 'e/#', forward: true, to: '{site}/{topic}' })[0]).toMatch(/^routes\.1\.to: unknown placeh/)
    expect(problems({ topic: 'e/#', forward: true, format: 'json' })[0]).toMatch(/^routes\.1\.format: is for readings/)
    expect(problems({ topic: 'e/{device}', to: 'x/{topic}' })[0]).toMatch(/^routes\.1\.to: is for routes with/)
    expect(problems({ topic: 'e/#', forward: true, uplinks: ['clod'] })).toEqual([
      'routes.1.uplinks.0: there is no uplink "clod"; known: cloud',
    ])
    expect(problems({ topic: 'e/#', forward: true }, [])).toEqual([
      'routes.1.forward: there is no uplink to forward to',
    ])
  })
})

describe('a route for readings', () => {
  it.each(['Europe/Berlin', 'America/New_York', 'UTC', 'Z', '+05:30', '-0800', '+14:00'])(
    'may name a zone for times without one: %s',
    (zone) => expect(problems({ topic: 'b/{device}', zone })).toEqual([]),
  )

  it.each(['Europe/Berlinn', 'CEST+1', '+15:00', '+05:75', '5', '', '+5'])('is refused with the zone "%s"', (zone) => {
    expect(problems({ topic: 'b/{device}', zone })).toEqual([
      'routes.1.zone: must be an IANA time zone such as Europe/Berlin, UTC, or an offset such as +05:30',
    ])
  })

  it('may have names of several levels, and is refused with a template that makes none', () => {
    expect(problems({ topic: 'N/+/{device}/{device}/Dc/0/{metric}' })).toEqual([])
    expect(problems({ topic: 'N/{device}/{metric#}' })).toEqual([])
    expect(problems({ topic: 'N/{device}/{metric#}/x' })[0]).toMatch(/must be the last level/)
    expect(problems({ topic: 'N/{metric}' })[0]).toMatch(/must contain \{device\}/)
    expect(problems({ topic: `${'a/'.repeat(64)}{device}` })[0]).toMatch(/has 65 levels/)
    expect(problems({ topic: `${'a/'.repeat(64)}#`, forward: true })[0]).toMatch(/has 65 levels/)
  })

  it('has settings for its payloads that a forward route must not have', () => {
    const forward = { topic: 'e/#', forward: true }
    expect(problems({ ...forward, zone: 'UTC' })[0]).toMatch(/^routes\.1\.zone: is for readings/)
    expect(problems({ ...forward, numbers: 'lenient' })[0]).toMatch(/^routes\.1\.numbers: is for readings/)
    expect(problems({ ...forward, noValueTexts: false })[0]).toMatch(/^routes\.1\.noValueTexts: is for readings/)
  })
})

describe('the topic of a forwarded message', () => {
  it('is filled in once, so that placeholders in the topic of the device stay as they are', () => {
    const names = { edge: 'site', prefix: 'tidegate' }
    expect(forwardTopic('{prefix}/{edge}/x/{topic}', { ...names, topic: 'a/$&/{edge}' })).toBe(
      'tidegate/site/x/a/$&/{edge}',
    )
  })

  it('is refused when nothing can be published to its template', () => {
    expect(forwardTargetProblem('sites/#')).toBe('it contains a wildcard')
    expect(forwardTargetProblem('sites/{topic')).toMatch(/brace/)
    expect(forwardTargetProblem('')).toBe('it is empty')
    expect(forwardTargetProblem(`${'a/'.repeat(64)}{topic}`)).toMatch(/has 65 levels/)
  })
})
