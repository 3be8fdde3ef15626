import { publishPacket, RawClient } from '../../support/raw-client.ts'
import type { SiteEdge } from '../../support/site.ts'
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

interface AnsweredReading {
  readonly value: unknown
  readonly unit?: string
  readonly quality: number
  readonly reasons?: string
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
