import type { Log } from '../../base/log.ts'
import { oneLine } from '../../base/text/one-line.ts'
import { isLogged } from './guard.ts'
import { RecentCount } from './recent-count.ts'

const TOPICS_SHOWN = 5
const TOPIC_CHARS_MAX = 120

export interface UnroutedStats {
  /** Messages that nothing took: no route, no local subscriber, not retained. */
  readonly count: number
  /** In the last ten minutes, about. */
  readonly recent: number
  /** Their last topics. */
  readonly topics: readonly string[]
}

/**
 * Counts messages that went nowhere: their topic has no route and no local subscriber, and they are not retained. The
 * broker acknowledges them as MQTT says, so their device does not notice that its readings are lost.
 */
export class Unrouted {
  readonly #log: Log
  readonly #recent = new RecentCount()
  /** The last ones, the newest at the end. */
  readonly #topics = new Set<string>()
  #count = 0

  constructor(log: Log) {
    this.#log = log
  }

  get stats(): UnroutedStats {
    return { count: this.#count, recent: this.#recent.count, topics: [...this.#topics] }
  }

  note(topic: string): void {
    this.#count++
    this.#recent.add()
    const text = oneLine(topic, TOPIC_CHARS_MAX)
    this.#topics.delete(text)
    this.#topics.add(text)
    if (this.#topics.size > TOPICS_SHOWN) this.#topics.delete(this.#topics.values().next().value!)
    if (isLogged(this.#count)) {
      this.#log.warn({ topic: text, count: this.#count }, 'a message has a topic without a route or subscriber')
    }
  }
}
