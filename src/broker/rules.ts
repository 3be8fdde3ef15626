import type { Client, ConnectPacket, Subscription } from 'aedes'
import { TextCache } from '../base/text/text-cache.ts'
import { filterProblem, topicProblem } from '../base/topics.ts'
import { PacketRefused } from './guards/refusals.ts'
import { WILL_BYTES_MAX } from './sessions/wills.ts'
import { isDoubtful } from './utf8-strings.ts'

/** Longest accepted client id (UTF-8 bytes). MQTT allows 65,535; no device needs that many. */
export const CLIENT_ID_BYTES_MAX = 256

/**
 * Which topics clients may publish to. Aedes checks wildcards only. Topics that begin with `$` belong to the broker: a
 * client that publishes `$SYS/…/new/clients` with the id of another client would disconnect that client.
 */
export class TopicRules {
  readonly #fit = new TextCache<string>()

  /** Why a topic must not be published to, or undefined. */
  problem(topic: string): string | undefined {
    if (this.#fit.has(topic)) return undefined
    const problem = topic.startsWith('$') ? 'topics that begin with $ belong to the broker' : topicProblem(topic)
    if (problem === undefined && !isDoubtful(topic)) this.#fit.add(topic, topic)
    return problem
  }

  /**
   * A topic that was decoded without a check of its bytes, if a client may publish to it. It is the text that was checked
   * first: further maps that are asked about it need not compare its characters. Undefined also for a topic that
   * ill-formed bytes may have become.
   */
  certain(topic: string): string | undefined {
    const known = this.#fit.get(topic)
    if (known !== undefined) return known
    return this.problem(topic) === undefined && !isDoubtful(topic) ? topic : undefined
  }
}

/** Why a CONNECT is malformed, so that the connection must be closed, or undefined. */
export function connectProblem({ clientId, will }: ConnectPacket, rules: TopicRules): PacketRefused | undefined {
  if (clientId.includes('\u0000')) return new PacketRefused('clientId', 'client id contains U+0000')
  if (will === undefined || will === null) return undefined
  if (![0, 1, 2].includes(will.qos ?? 0)) return new PacketRefused('will', `will has QoS ${will.qos}`)
  if (will.payload.length > WILL_BYTES_MAX) {
    const problem = `will payload of ${will.payload.length} bytes; at most ${WILL_BYTES_MAX}`
    return new PacketRefused('will', problem)
  }
  const problem = rules.problem(will.topic)
  return problem === undefined ? undefined : new PacketRefused('will', `will topic: ${problem}`)
}

/** Whether an identifier is refused with CONNACK 2 (MQTT 3.1.1 §3.1.3.1: an empty one needs a clean session). */
export function identifierRefused({ clientId, clean }: ConnectPacket): boolean {
  return Buffer.byteLength(clientId) > CLIENT_ID_BYTES_MAX || (clientId === '' && clean === false)
}

/** Verdict on a SUBSCRIBE filter: granted, refused with SUBACK 0x80, or malformed, so that the connection is closed. */
export function judgeFilter(_client: Client, { topic }: Subscription): 'granted' | 'refused' | { problem: string } {
  const problem = filterProblem(topic)
  if (problem !== undefined) return { problem: `filter ${JSON.stringify(topic.slice(0, 100))}: ${problem}` }
  return topic.startsWith('$') ? 'refused' : 'granted'
}
