import {
  DEFAULT_RULES,
  type EdgeEffect,
  type EdgeEnv,
  type EdgeEvent,
  type EdgeState,
  newEdgeState,
} from '../../../src/config/edge/state.ts'
import { step } from '../../../src/config/edge/step.ts'
import type { Json } from '../../../src/config/json.ts'
import { cloudFilter, cloudTopic, readCloudTopic } from '../../../src/config/topics.ts'
import { parseDesired } from '../../../src/config/wire.ts'
import type { Link } from '../../../src/link/link.ts'
import { openLink } from '../../../src/link/open.ts'
import { onStop } from '../../../support/started.ts'
import { EDGE } from '../batches.ts'

const PREFIX = 'tidegate'

export interface ConfigEdgeOptions {
  readonly edge?: string
  /** The answer of a device to a config; undefined: it does not answer. */
  readonly answer?: (device: string, config: Json) => number | undefined
  readonly policy?: 'cloud' | 'manual'
}

/** An edge for configs only: its rules in memory over a real connection, and devices that answer at once. */
export class ConfigEdge {
  readonly edge: string
  readonly desired: { readonly device: string; readonly payload: string }[] = []
  readonly #options: ConfigEdgeOptions
  readonly #states = new Map<string, EdgeState>()
  #link: Link | undefined
  #sets = 0

  constructor(options: ConfigEdgeOptions) {
    this.edge = options.edge ?? EDGE
    this.#options = options
  }

  async connect(url: string): Promise<this> {
    const link = await openLink({
      url,
      clientId: `configs-of-${this.edge}`,
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (topic, payload) => this.#hear(topic, payload),
    })
    this.#link = link
    onStop(() => link.close())
    await link.subscribe(cloudFilter(PREFIX, this.edge, 'desired'), 1)
    return this
  }

  async disconnect(): Promise<void> {
    await this.#link?.close()
    this.#link = undefined
  }

  state(device: string): EdgeState {
    return this.#states.get(device) ?? newEdgeState(device, `life-of-${this.edge}`)
  }

  /** The config in force; undefined when there is none. */
  config(device: string): Json | undefined {
    return this.state(device).cur?.config
  }

  /** An operator edits at the edge. */
  set(device: string, patch: Json): void {
    this.#do(device, { kind: 'set', set: { id: `${++this.#sets}`, patch }, by: 'user:edge' })
  }

  /** Publishes the present head once more. */
  publishHead(device: string): void {
    this.#do(device, { kind: 'sending', what: 'head' })
  }

  /** Publishes a retained message on a topic of the device. */
  async publish(device: string, what: 'head' | 'reported' | 'conflict', payload: string | Uint8Array): Promise<void> {
    const topic = cloudTopic(PREFIX, this.edge, device, what)
    await this.#link?.publish(topic, Buffer.from(payload), { qos: 1, retain: true })
  }

  #hear(topic: string, payload: Uint8Array): void {
    const { device } = readCloudTopic(PREFIX, topic)!
    this.desired.push({ device, payload: Buffer.from(payload).toString() })
    const message = parseDesired(payload, device)
    if (!message.ok) throw new Error(message.reason)
    this.#do(device, { kind: 'desired', message: message.value })
  }

  #do(device: string, event: EdgeEvent): void {
    const { state, effects } = step(this.state(device), event, this.#env())
    this.#states.set(device, state)
    for (const effect of effects) this.#perform(device, effect)
  }

  #perform(device: string, effect: EdgeEffect): void {
    if (effect.kind === 'enqueue') this.#do(device, { kind: 'sending', what: effect.what })
    else if (effect.kind === 'publish') void this.publish(device, effect.what, effect.payload).catch(() => undefined)
    else if (effect.kind === 'publishLocal') {
      const { cur } = this.state(device)
      const code = cur === null ? undefined : (this.#options.answer ?? (() => 200))(device, cur.config)
      if (cur !== null && code !== undefined) {
        this.#do(device, { kind: 'ack', rev: cur.rev, hash: cur.hash, code, message: code === 200 ? '' : 'no' })
      }
    }
  }

  #env(): EdgeEnv {
    const policies = [{ path: '/**', onConflict: this.#options.policy ?? ('cloud' as const) }]
    return {
      now: Date.now(),
      clockSynced: true,
      rules: { ...DEFAULT_RULES, policies },
      check: () => [],
      custom: () => ({ ok: false, reason: 'there is none' }),
    }
  }
}

export function startConfigEdge(url: string, options: ConfigEdgeOptions = {}): Promise<ConfigEdge> {
  return new ConfigEdge(options).connect(url)
}
