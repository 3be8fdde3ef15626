import { filterMatches } from '../../base/topics.ts'
import type { RouteSettings } from '../../settings/edge.ts'
import type { KeptUnrouted } from '../../store/kept/unrouted.ts'
import type { Order } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import { compileRoutes, type RouteMatch } from '../routes.ts'
import type { MessageWriter } from './message-writer.ts'

/** One transaction of a replay ends after this work (ms), so that the commits of publishes hardly wait for it. */
const WORK_MS = 10

export type UnroutedOrder = Extract<Order, { kind: 'unrouted' }>

/** What became of an order so far. */
export interface UnroutedProgress {
  /** What is left of the order; undefined: it is carried out. */
  readonly left: UnroutedOrder | undefined
  /** For the log, at the end. */
  readonly text: string
}

type Fate = 'done' | 'stays' | 'wait' | 'no room'

/**
 * Stores messages that were kept without a route as their route says now, in the order in which they arrived, or discards
 * them. An order is carried out in slices, each in a transaction of its owner.
 */
export class UnroutedReplay {
  readonly #store: Store
  readonly #writer: MessageWriter
  readonly #match: (topic: string) => RouteMatch | undefined
  #routed: number

  constructor(store: Store, writer: MessageWriter, routes: readonly RouteSettings[]) {
    this.#store = store
    this.#writer = writer
    this.#match = compileRoutes(routes)
    this.#routed = this.#countRouted()
  }

  /** Kept messages that have a route, counted at the start and after each order: those that come later have none. */
  get routed(): number {
    return Math.min(this.#routed, this.#store.intake.unrouted.status().count)
  }

  #countRouted(): number {
    const { unrouted } = this.#store.intake
    if (unrouted.status().count === 0) return 0
    return unrouted.byTopic().reduce((sum, { topic, count }) => {
      return this.#match(topic) === undefined ? sum : sum + count
    }, 0)
  }

  /**
   * Carries out a slice of an order. A message stays if its topic has no route, or if there is no room for a series that
   * it needs. A replay ends early if the queue of forwarded messages is full: the others would overtake.
   */
  carryOut(order: UnroutedOrder, now: number): UnroutedProgress {
    const { unrouted } = this.#store.intake
    const endsAt = performance.now() + WORK_MS
    let { after, done } = order
    for (;;) {
      const page = unrouted.page(after, order.upTo)
      if (page.length === 0) return this.#ended({ ...order, done }, '')
      for (const message of page) {
        const fate = filterMatches(order.filter, message.topic) ? this.#handle(order.verb, message, now) : 'stays'
        if (fate === 'no room') return this.#ended({ ...order, done }, ': the queue of messages to forward is full')
        if (fate === 'wait') return { left: { ...order, after, done }, text: '' }
        if (fate === 'done') {
          unrouted.remove(message.id, order.verb === 'replay' ? 'replayed' : 'discarded')
          done++
        }
        after = message.id
        if (performance.now() > endsAt) return { left: { ...order, after, done }, text: '' }
      }
    }
  }

  #ended({ verb, done }: UnroutedOrder, why: string): UnroutedProgress {
    this.#routed = this.#countRouted()
    return { left: undefined, text: `unrouted ${verb}: ${done} messages${why}` }
  }

  #handle(verb: UnroutedOrder['verb'], message: KeptUnrouted, now: number): Fate {
    if (verb === 'drop') return 'done'
    const match = this.#match(message.topic)
    if (match === undefined) return 'stays'
    if (match.forward !== undefined) {
      return this.#store.delivery.forwards.add({ ...message, ...match.forward }) ? 'done' : 'no room'
    }
    const taken = this.#writer.replayUnrouted(message, match, now)
    return taken === 'no series' ? 'stays' : taken
  }
}
