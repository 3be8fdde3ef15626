import { describe, expect, it } from 'vitest'
import { edgeSettings } from '../../../src/settings/edge.ts'
import { unusedRules } from '../../../src/settings/load/unused-rules.ts'

const UPLINK = { url: 'mqtt://127.0.0.1:1' }
const DOWN = { topic: 'commands/{edge}/#', direction: 'down' }

function problems(routes: object[], uplinks: object[] = [UPLINK]): string[] {
  const parsed = edgeSettings.safeParse({ edge: 'site', routes, uplinks })
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a down route', () => {
  it('needs only a filter; `to`, `retain`, `expiryS` and, with one uplink, `uplinks` are optional', () => {
    expect(problems([DOWN])).toEqual([])
    expect(problems([{ ...DOWN, to: 'local/{rest}', retain: true, expiryS: 60, uplinks: ['cloud'] }])).toEqual([])
    expect(problems([{ topic: '{prefix}/{edge}/commands/+', direction: 'down', to: '{topic}' }])).toEqual([])
  })

  it('is refused with the place of the problem when it is invalid', () => {
    expect(problems([{ ...DOWN, topic: 'c/{device}' }])[0]).toMatch(/^routes\.0\.topic: a down route is a filter/)
    expect(problems([{ ...DOWN, topic: 'c/#/x' }])[0]).toMatch(/^routes\.0\.topic: '#' must be the last level/)
    expect(problems([{ ...DOWN, topic: 'c/+', to: '{rest}' }])[0]).toMatch(/^routes\.0\.to: \{rest\} is what the #/)
    expect(problems([{ ...DOWN, forward: true }])[0]).toMatch(/^routes\.0\.forward: is for messages of devices/)
    expect(problems([{ ...DOWN, format: 'json' }])[0]).toMatch(/^routes\.0\.format: is for readings/)
    expect(problems([{ topic: 'a/{device}', retain: true }])[0]).toMatch(/^routes\.0\.retain: is for routes with `dir/)
    expect(problems([{ topic: 'a/{device}', expiryS: 9 }])[0]).toMatch(/^routes\.0\.expiryS: is for routes with `dir/)
  })

  it('is refused without an uplink, with an unknown one, and without a name when there are several', () => {
    expect(problems([DOWN], [])).toEqual(['routes.0.direction: there is no uplink to receive from'])
    expect(problems([{ ...DOWN, uplinks: ['clod'] }])).toEqual([
      'routes.0.uplinks: there is no uplink "clod"; known: cloud',
    ])
    const two = [UPLINK, { ...UPLINK, name: 'archive' }]
    expect(problems([DOWN], two)).toEqual([
      'routes.0.uplinks: is missing: name the uplinks to receive from (cloud, archive)',
    ])
    expect(problems([{ ...DOWN, uplinks: ['archive'] }], two)).toEqual([])
  })

  it('is refused when messages that the edge sends to that uplink would come back', () => {
    const up = { topic: 'events/#', forward: true, to: 'sites/{edge}/{topic}' }
    const down = (topic: string) => ({ topic, direction: 'down', uplinks: ['cloud'] })
    expect(problems([up, down('sites/+/events/door')])[0]).toMatch(/^routes\.1\.topic: covers messages that the route/)
    expect(problems([up, down('sites/#')])[0]).toMatch(/would come back from uplink cloud/)
    expect(problems([up, down('sites/other/#')])).toEqual([])
    expect(problems([{ ...up, to: 'x/{rest}' }, down('x/+/y')])[0]).toMatch(/forwards to x\/#/)
    expect(problems([down('#')])[0]).toMatch(/covers tidegate\/site\/up\/#/)
    expect(problems([down('+/+/status')])[0]).toMatch(/covers tidegate\/site\/status/)
    const two = [UPLINK, { ...UPLINK, name: 'archive' }]
    expect(problems([{ ...up, uplinks: ['archive'] }, down('sites/#')], two)).toEqual([])
  })

  it('does not compete with routes up for a topic', () => {
    expect(unusedRules({ routes: [{ topic: 'commands/#', forward: true }, DOWN] })).toEqual([])
    expect(unusedRules({ routes: [DOWN, { ...DOWN, topic: 'commands/{edge}/x' }] })).toHaveLength(1)
  })
})
