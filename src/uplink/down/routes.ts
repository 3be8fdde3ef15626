import { compileTarget, forwardTopic } from '../../base/forwarding.ts'
import { filterMatches, topicProblem } from '../../base/topics.ts'
import type { RouteSettings } from '../../settings/edge.ts'
import type { UplinkSettings } from '../../settings/schema/uplink.ts'

interface DownRoute {
  readonly filter: string
  readonly target: string
  readonly retain: boolean
  readonly expiryS: number
}

/** Where a message from the cloud goes. */
export interface DownMatch {
  /** On the local broker. */
  readonly topic: string
  readonly retain: boolean
  readonly expiryS: number
}

/** The routes by which messages come from the broker of one uplink. */
export class DownRoutes {
  readonly #edge: string
  readonly #prefix: string
  readonly #routes: readonly DownRoute[]

  constructor(routes: readonly RouteSettings[], { edge, uplink }: { edge: string; uplink: UplinkSettings }) {
    const { name, prefix } = uplink
    this.#edge = edge
    this.#prefix = prefix
    const ours = routes.filter(({ direction, uplinks }) => direction === 'down' && (uplinks?.includes(name) ?? true))
    this.#routes = ours.map(({ topic, to, retain, expiryS }) => {
      const filter = forwardTopic(topic, { edge, prefix, topic: '' })
      return { filter, target: compileTarget(to, filter), retain, expiryS }
    })
  }

  /** What to subscribe to, each filter once. */
  get filters(): string[] {
    return [...new Set(this.#routes.map(({ filter }) => filter))]
  }

  /** Where a message goes by the first route that covers its topic; a text: why it goes nowhere. */
  match(topic: string): DownMatch | string {
    if (topic.includes('\uFFFD')) return 'its topic is not UTF-8'
    const route = this.#routes.find(({ filter }) => filterMatches(filter, topic))
    if (route === undefined) return 'no route covers its topic'
    const local = forwardTopic(route.target, { edge: this.#edge, prefix: this.#prefix, topic })
    const problem = local.startsWith('$') ? 'it begins with $' : topicProblem(local)
    if (problem !== undefined) return `its local topic is not accepted: ${problem}`
    return { topic: local, retain: route.retain, expiryS: route.expiryS }
  }
}
