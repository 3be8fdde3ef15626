import { compileTarget, forwardTopic } from '../../base/forwarding.ts'
import { filtersOverlap } from '../../base/topics.ts'

interface Given {
  readonly topic?: string | undefined
  readonly direction?: string
  readonly forward?: boolean
  readonly to?: string | undefined
  readonly uplinks?: readonly string[] | undefined
}

interface Uplink {
  readonly name?: string
  readonly prefix?: string
}

interface Parts {
  readonly edge?: string
  readonly routes?: readonly Given[]
  readonly uplinks?: readonly Uplink[]
}

interface Problem {
  readonly path: PropertyKey[]
  readonly text: string
}

/** Topics of an edge at the cloud broker, below its prefix and name: nothing of them may come back. */
const OWN = ['up/#', 'down/#', 'status', 'config/#']

/**
 * What is wrong with down routes next to uplinks and other routes: no uplink, or one that is not named; a filter that
 * covers what the edge itself sends to the same broker, which would come back to it. Parts that are invalid by themselves
 * may have any value here.
 */
export function* downProblems({ edge = '', routes = [], uplinks = [] }: Parts): Generator<Problem> {
  if (!Array.isArray(routes) || !Array.isArray(uplinks)) return
  const known = new Map(uplinks.map((one: Uplink | null) => [one?.name ?? 'cloud', one?.prefix ?? 'tidegate']))
  for (const [at, route] of (routes as (Given | null)[]).entries()) {
    if (route?.direction !== 'down') continue
    if (known.size === 0) yield { path: ['routes', at, 'direction'], text: 'there is no uplink to receive from' }
    if (known.size === 0) continue
    if (route.uplinks === undefined && known.size > 1) {
      const names = [...known.keys()].join(', ')
      yield { path: ['routes', at, 'uplinks'], text: `is missing: name the uplinks to receive from (${names})` }
      continue
    }
    if (route.uplinks !== undefined && !Array.isArray(route.uplinks)) continue
    for (const name of route.uplinks ?? known.keys()) {
      const prefix = known.get(name)
      if (prefix === undefined) {
        yield {
          path: ['routes', at, 'uplinks'],
          text: `there is no uplink "${name}"; known: ${[...known.keys()].join(', ')}`,
        }
        continue
      }
      const back = comesBack(route, { edge, prefix, name, routes })
      if (back !== undefined) yield { path: ['routes', at, 'topic'], text: back }
    }
  }
}

/** Why messages that the edge sends would come back to it, or undefined. */
function comesBack(
  { topic }: Given,
  { edge, prefix, name, routes }: { edge: string; prefix: string; name: string; routes: readonly (Given | null)[] },
): string | undefined {
  if (typeof topic !== 'string') return undefined
  const filter = forwardTopic(topic, { edge, prefix, topic: '' })
  const own = OWN.map((level) => `${prefix}/${edge}/${level}`).find((one) => filtersOverlap(filter, one))
  if (own !== undefined) return `covers ${own}, which this edge uses itself at uplink ${name}`
  for (const other of routes) {
    if (other?.forward !== true || typeof other.topic !== 'string') continue
    if (Array.isArray(other.uplinks) && !other.uplinks.includes(name)) continue
    const target = compileTarget(other.to ?? '{topic}', other.topic)
    const sent = forwardTopic(target, { edge, prefix, topic: other.topic })
    if (!filtersOverlap(filter, sent)) continue
    return `covers messages that the route ${other.topic} forwards to ${sent}: they would come back from uplink ${name}`
  }
  return undefined
}
