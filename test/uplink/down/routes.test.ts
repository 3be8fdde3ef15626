import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterMatches } from '../../../src/base/topics.ts'
import { edgeSettings } from '../../../src/settings/edge.ts'
import { DownRoutes } from '../../../src/uplink/down/routes.ts'

function routesOf(...routes: object[]): DownRoutes {
  const all = routes.map((route) => ({ direction: 'down', ...route }))
  const settings = edgeSettings.parse({ edge: 'site', routes: all, uplinks: [{ url: 'mqtt://127.0.0.1:1' }] })
  return new DownRoutes(settings.routes, { edge: 'site', uplink: settings.uplinks[0]! })
}

function topicOf(routes: DownRoutes, topic: string): string | undefined {
  const match = routes.match(topic)
  return typeof match === 'string' ? undefined : match.topic
}

const topic = fc
  .array(fc.constantFrom('a', 'b', '', '$x', 'ä', '{edge}'), { minLength: 1, maxLength: 80 })
  .map((levels) => levels.join('/'))

describe('routes down', () => {
  it('subscribe to their filters with the names of edge and prefix, and map topics by `to`', () => {
    const routes = routesOf(
      { topic: 'commands/{edge}/#', to: 'local/{rest}' },
      { topic: '{prefix}/{edge}/do/+', to: '{edge}/{topic}' },
    )
    expect(routes.filters).toEqual(['commands/site/#', 'tidegate/site/do/+'])
    expect(topicOf(routes, 'commands/site/pump/1')).toBe('local/pump/1')
    expect(topicOf(routes, 'commands/site/{edge}')).toBe('local/{edge}')
    expect(topicOf(routes, 'tidegate/site/do/it')).toBe('site/tidegate/site/do/it')
  })

  it('use the first route that covers a topic', () => {
    const routes = routesOf({ topic: 'c/x', to: 'first' }, { topic: 'c/#', to: 'second', retain: true, expiryS: 9 })
    expect(routes.match('c/x')).toEqual({ topic: 'first', retain: false, expiryS: 86_400 })
    expect(routes.match('c/y')).toEqual({ topic: 'second', retain: true, expiryS: 9 })
  })

  it('accept no topic outside their filters, and none that the local broker does not accept', () => {
    const routes = routesOf({ topic: 'c/{edge}/#', to: '{rest}' })
    for (const bad of [
      'other/x',
      'c/site',
      'c/site/$SYS/x',
      'c/site/\uFFFD',
      `c/site/${'a/'.repeat(64)}b`,
      'c/site/+',
    ]) {
      expect({ bad, why: typeof routes.match(bad) }).toEqual({ bad, why: 'string' })
    }
  })

  it('give any legal topic below the filter back to the byte with {rest}, or say why not', () => {
    const routes = routesOf({ topic: 'c/{edge}/#', to: 'l/{rest}' })
    fc.assert(
      fc.property(topic, (rest) => {
        const given = `c/site/${rest}`
        const match = routes.match(given)
        expect(filterMatches('c/site/#', given)).toBe(true)
        if (typeof match === 'string') expect(rest.split('/').length).toBeGreaterThan(63)
        else expect(match.topic).toBe(`l/${rest}`)
      }),
    )
  })
})
