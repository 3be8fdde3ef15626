import { isDeepStrictEqual } from 'node:util'
import { connectAsync, type MqttClient } from 'mqtt'
import { hashOf } from '../../../src/config/canonical.ts'
import type { JsonObject } from '../../../src/config/json.ts'
import type { Rev, Revision } from '../../../src/config/revision.ts'
import { until } from '../../../support/wait.ts'

/** A real client that remembers the last message of each topic, and the number of messages. */
export class Listener {
  readonly client: MqttClient
  readonly last = new Map<string, string>()
  readonly counts = new Map<string, number>()

  private constructor(client: MqttClient) {
    this.client = client
    client.on('message', (topic, payload) => {
      this.last.set(topic, payload.toString())
      this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1)
    })
  }

  static async connect(url: string, clientId: string, ...filters: string[]): Promise<Listener> {
    const listener = new Listener(await connectAsync(url, { clientId, reconnectPeriod: 0 }))
    for (const filter of filters) await listener.client.subscribeAsync(filter, { qos: 1 })
    return listener
  }

  json<T = Record<string, unknown>>(topic: string): T | undefined {
    const text = this.last.get(topic)
    return text === undefined || text === '' ? undefined : (JSON.parse(text) as T)
  }

  async expect(topic: string, payload: unknown): Promise<void> {
    await until(() => isDeepStrictEqual(this.json(topic), payload), { what: `${topic} is ${JSON.stringify(payload)}` })
  }
}

export function revision(rev: Rev, config: JsonObject | null, base: Rev | null = null): Revision {
  return { rev, base, hash: hashOf(config), config, hlc: '1795000000000-0-cloud', by: 'user:alice' }
}
