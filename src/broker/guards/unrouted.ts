import type { Log } from '../../base/log.ts'
import { oneLine } from '../../base/text/one-line.ts'
import { TextCache } from '../../base/text/text-cache.ts'
import { topicPattern } from '../../base/text/topic-pattern.ts'
import type { BrokerSettings } from '../../settings/edge.ts'
import { RecentCount } from './recent-count.ts'

const TOPICS_SHOWN = 5
const TOPIC_CHARS_MAX = 120
/** Patterns of topics that are logged at most, once each. */
const PATTERNS_MAX = 1_000

export interface UnroutedStats {
  /** What happens to them: the setting `broker.unrouted`. */
  readonly policy: BrokerSettings['unrouted']
  /** Messages that nothing took: no route, no local subscriber, not retained. Since the start. */
  readonly count: number
  /** In the last ten minutes, about. */
  readonly recent: number
  /** Their last topics. */
  readonly topics: readonly string[]
  /** Patterns of their topics (`topicPattern`), each logged once; at most 1,000. */
  readonly patterns: number
  /** Retained messages without a route and without a local subscriber. */
  readonly retained: number
  /** Messages without a route that a local subscriber took: ordinary messaging. */
  readonly local: number
}

/** Of a publish, what its fate depends on. */
export interface UnroutedPublish {
  readonly topic: string
  readonly payload: { readonly length: number }
  readonly qos: number
  readonly retain?: boolean
}

/**
 * What happens to a publish. `keep`: it is acknowledged when it is on disk. `pass`: it is ordinary
 * messaging, and acknowledged at once. `refuse`: it is not acknowledged.
 */
export type Fate = 'keep' | 'pass' | 'refuse'

/** What happens to a publish of any topic; call it once for each. */
export type FateOf = (publish: UnroutedPublish) => Fate

/**
 * Decides about publishes whose topic has no route, and counts them. Without this, the broker would acknowledge messages
 * that go nowhere, as MQTT says, and their device would not notice that its readings are lost.
 */
export class Unrouted {
  readonly #policy: BrokerSettings['unrouted']
  readonly #log: Log
  readonly #recent = new RecentCount()
  /** The last ones, the newest at the end. */
  readonly #topics = new Set<string>()
  readonly #patterns = new Set<string>()
  /** Topics whose pattern is logged. */
  readonly #logged = new TextCache<true>()
  /** Messages that a local subscriber was about to get. */
  readonly #taken = new WeakSet<object>()
  #count = 0
  #retained = 0
  #local = 0

  constructor(policy: BrokerSettings['unrouted'], log: Log) {
    this.#policy = policy
    this.#log = log
  }

  get stats(): UnroutedStats {
    return {
      policy: this.#policy,
      count: this.#count,
      recent: this.#recent.count,
      topics: [...this.#topics],
      patterns: this.#patterns.size,
      retained: this.#retained,
      local: this.#local,
    }
  }

  /**
   * Call it once for each publish without a route. A retained message is kept like others, but never refused: the broker
   * holds it for later subscribers. An empty retained one only clears the topic.
   * @param isTaken whether a local subscriber gets it
   */
  fateOf(publish: UnroutedPublish, isTaken: boolean): Fate {
    const { topic, payload, retain = false } = publish
    if (retain && payload.length === 0) return 'pass'
    if (isTaken) {
      this.#local++
      if (!retain) this.#taken.add(publish)
      return 'pass'
    }
    if (retain) {
      this.#retained++
      return this.#policy === 'store' ? 'keep' : 'pass'
    }
    this.#note(topic)
    return this.#policy === 'store' ? 'keep' : this.#policy === 'refuse' ? 'refuse' : 'pass'
  }

  /** The subscriber of a message left before it got it. @returns whether the message must be kept after all */
  isMissed(publish: UnroutedPublish): boolean {
    if (!this.#taken.delete(publish)) return false
    this.#local--
    this.#note(publish.topic)
    return this.#policy === 'store'
  }

  #note(topic: string): void {
    this.#count++
    this.#recent.add()
    const text = oneLine(topic, TOPIC_CHARS_MAX)
    this.#topics.delete(text)
    this.#topics.add(text)
    if (this.#topics.size > TOPICS_SHOWN) this.#topics.delete(this.#topics.values().next().value!)
    if (!this.#logged.has(topic)) this.#logOnce(topic, text)
  }

  #logOnce(topic: string, text: string): void {
    this.#logged.add(topic, true)
    const pattern = oneLine(topicPattern(topic), TOPIC_CHARS_MAX)
    if (this.#patterns.has(pattern) || this.#patterns.size === PATTERNS_MAX) return
    this.#patterns.add(pattern)
    const more = this.#patterns.size === PATTERNS_MAX ? '; further patterns are not logged' : ''
    this.#log.warn(
      { pattern, topic: text, unrouted: this.#policy },
      `a message has a topic without a route or subscriber${more}`,
    )
  }
}
