import { afterAll, beforeAll, expect } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

/** Publishes payloads one after the other with QoS 1, each after the acknowledgement of the one before. */
export async function publishInOrder(edge: SiteEdge, topic: string, payloads: readonly string[]): Promise<void> {
  const client = await RawClient.connect(edge.port, `field-${topic.replaceAll('/', '-')}`)
  const acknowledged = (): number => client.received.filter(({ cmd }) => cmd === 'puback').length
  for (const [i, payload] of payloads.entries()) {
    client.send(publishPacket(topic, payload, { qos: 1, messageId: i + 1, dup: false }))
    await until(() => acknowledged() === i + 1, { what: `message ${i + 1} on ${topic} is acknowledged` })
  }
  client.destroy()
}

export interface AnsweredReading {
  readonly ts: string
  readonly value: unknown
  readonly type: string
  readonly unit: string | null
  readonly quality: number
  readonly reasons: string
}

async function ask<T>(edge: SiteEdge, path: string): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${edge.webPort}${path}`)
  if (!answer.ok) throw new Error(`${path} is answered with ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as T
}

/** The readings of a metric in the order of their times, over HTTP. */
export async function historyOf(edge: SiteEdge, device: string, metric: string): Promise<AnsweredReading[]> {
  const path = `/api/history?device=${device}&metric=${metric}`
  return (await ask<{ readings: AnsweredReading[] }>(edge, path)).readings
}

/** The latest readings of a device, over HTTP. */
export async function latestOf(edge: SiteEdge, device: string): Promise<AnsweredReading[]> {
  return (await ask<{ latest: AnsweredReading[] }>(edge, `/api/latest?device=${device}`)).latest
}

/** The time of the last reading of a device, over HTTP. */
export async function lastAt(edge: SiteEdge, name: string): Promise<number> {
  const { devices } = await ask<{ devices: { device: string; lastAt: string | number }[] }>(edge, '/api/devices')
  return new Date(devices.find(({ device }) => device === name)!.lastAt).getTime()
}

/** A running edge, and a device that is connected to it. */
class FieldSite {
  #edge: SiteEdge | undefined
  #client: RawClient | undefined
  #messages = 0

  async start(routes: readonly object[]): Promise<void> {
    this.#edge = await SiteEdge.create({ routes })
    await this.#edge.start()
    this.#client = await RawClient.connect(this.#edge.port, 'device')
  }

  get edge(): SiteEdge {
    if (this.#edge === undefined) throw new Error('the edge was not started')
    return this.#edge
  }

  /** Publishes with QoS 1, one payload after the other, and waits for each until it is on disk. */
  async publish(topic: string, ...payloads: readonly (string | Buffer | object)[]): Promise<void> {
    for (const payload of payloads) await this.#send(topic, payload, false)
  }

  /** Publishes as a device does that did not get the acknowledgement. */
  publishAgain(topic: string, payload: string | Buffer | object): Promise<void> {
    return this.#send(topic, payload, true)
  }

  async #send(topic: string, payload: string | Buffer | object, dup: boolean): Promise<void> {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
    this.#client!.publish(topic, bytes, { qos: 1, dup, messageId: (this.#messages++ % 60_000) + 1 })
    await this.#client!.next('puback')
  }

  /** All readings of a metric with times from 2020 to 2080. @throws Error when there is no such series */
  async readings(device: string, metric: string): Promise<AnsweredReading[]> {
    const query = new URLSearchParams({ device, metric, from: '2020-01-01T00:00:00Z', to: '2080-01-01T00:00:00Z' })
    return (await ask<{ readings: AnsweredReading[] }>(this.edge, `/api/history?${query}`)).readings
  }

  async values(device: string, metric: string): Promise<unknown[]> {
    return (await this.readings(device, metric)).map(({ value }) => value)
  }
}

/** Starts an edge before the tests of a `describe` and stops it after them; its ledger must balance then. */
export function siteForAll(routes: readonly object[]): FieldSite {
  const site = new FieldSite()
  beforeAll(() => site.start(routes))
  afterAll(async () => {
    expect(site.edge.ledgerProblems()).toEqual([])
    expect(await site.edge.stop()).toBe(0)
  })
  return site
}
