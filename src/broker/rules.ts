import type { Client, ConnectPacket, Subscription } from 'aedes'
import { filterProblem, topicProblem } from '../base/topics.ts'

/** Longest client id (UTF-8 bytes) that is taken; MQTT allows 65,535, no device needs them. */
export const CLIENT_ID_BYTES_MAX = 256

/** Topics that were found fit, by what they are; past this many the memory starts afresh. */
const TOPICS_MAX = 65_536

/**
 * Why a topic must not be published to, or undefined. Aedes checks wildcards only; `$…` belongs to the broker: whoever
 * publishes `$SYS/…/new/clients` with another's id would throw that client off.
 */
export class TopicRules {
  readonly #fit = new Set<string>()

  problem(topic: string): string | undefined {
    if (this.#fit.has(topic)) return undefined
    const problem = topic.startsWith('$') ? 'topics that begin with $ belong to the broker' : topicProblem(topic)
    if (problem === undefined) {
      if (this.#fit.size >= TOPICS_MAX) this.#fit.clear()
      this.#fit.add(topic)
    }
    return problem
  }
}

/** Why a CONNECT must be answered by closing the connection (malformed), or undefined. */
export function connectProblem({ clientId, will }: ConnectPacket, rules: TopicRules): string | undefined {
  if (clientId.includes('\u0000')) return 'client id contains U+0000'
  if (will === undefined || will === null) return undefined
  if (![0, 1, 2].includes(will.qos ?? 0)) return `will has QoS ${will.qos}`
  const problem = rules.problem(will.topic)
  return problem === undefined ? undefined : `will topic: ${problem}`
}

/** Whether an identifier is refused with CONNACK 2 (MQTT 3.1.1 §3.1.3.1: none at all needs a clean session). */
export function identifierRefused({ clientId, clean }: ConnectPacket): boolean {
  return Buffer.byteLength(clientId) > CLIENT_ID_BYTES_MAX || (clientId === '' && clean === false)
}

/** What a SUBSCRIBE filter gets: taken, refused by SUBACK 0x80, or so malformed that the connection is closed. */
export function judgeFilter(_client: Client, { topic }: Subscription): 'granted' | 'refused' | { problem: string } {
  const problem = filterProblem(topic)
  if (problem !== undefined) return { problem: `filter ${JSON.stringify(topic.slice(0, 100))}: ${problem}` }
  return topic.startsWith('$') ? 'refused' : 'granted'
}
