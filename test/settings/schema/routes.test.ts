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
      'routes.1.uplinks.0: there is no uplink clod: cloud',
    ])
    expect(problems({ topic: 'e/#', forward: true }, [])).toEqual([
      'routes.1.forward: there is no uplink to forward to',
    ])
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
  })
})
