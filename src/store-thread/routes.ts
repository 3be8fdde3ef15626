import { compileTarget } from '../base/forwarding.ts'
import { compileRoute, filterMatches } from '../base/topics.ts'
import type { RouteSettings } from '../settings/edge.ts'
import { namesText } from '../store/forward/messages.ts'
import type { TopicEntry } from './protocol.ts'

/** What the routes say about a topic. */
export type RouteMatch = Omit<TopicEntry, 'id'>

/** For a topic without a route: its messages are kept unread. */
export function unroutedMatch(topic: string): RouteMatch {
  return { topic, device: '', metric: undefined, format: 'auto', forward: undefined, isUnrouted: true }
}

/** Compiles the routes up: for a topic, the first that covers it: the device of its readings, or where its messages go. */
export function compileRoutes(routes: readonly RouteSettings[]): (topic: string) => RouteMatch | undefined {
  const all = routes.filter(({ direction }) => direction === 'up').map(matcherOf)
  return (topic) => {
    for (const matches of all) {
      const match = matches(topic)
      if (match !== undefined) return match
    }
    return undefined
  }
}

function matcherOf(route: RouteSettings): (topic: string) => RouteMatch | undefined {
  const { topic: template, format, forward, to, uplinks, zone, numbers, noValueTexts, sampleHz } = route
  if (forward) {
    const forwarding = { target: compileTarget(to, template), uplinks: namesText(uplinks) }
    return (topic) =>
      filterMatches(template, topic) ? { topic, device: '', metric: undefined, format, forward: forwarding } : undefined
  }
  const compiled = compileRoute(template)
  const rules = { zone, numbers, noValueTexts, sampleHz }
  return (topic) => {
    const found = compiled.match(topic)
    return found === undefined ? undefined : { topic, ...found, format, rules, forward: undefined }
  }
}
