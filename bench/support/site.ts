import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'
import { BenchEdge } from './edge.ts'
import { openForReading, startReceiver } from './receiver.ts'

/** A broker at a site, a broker in the cloud, and the link between them, which counts its bytes. */
export interface Site {
  /** Devices publish here. */
  readonly port: number
  /** The link to the cloud. */
  readonly link: TcpProxy
  /** Readings that have arrived in the cloud; for Tidegate, those that are also confirmed at the site. */
  confirmed(): number
  /** Time and value of every reading that has arrived, as `key` gives them. */
  arrived(): string[]
}

/** Identifies a reading of a run. */
export function key(ts: number, value: number): string {
  return `${ts} ${value}`
}

/** The devices' topics, of 38 characters; the bridge forwards everything below `telemetry/`. */
export function topicOf(device: number): string {
  return `telemetry/machine-hall3-${String(device).padStart(2, '0')}/temperature`
}

/** Mosquitto to Mosquitto, configured as in its manual: QoS 1, session kept, no limit on the queue, no notifications. */
export async function startBridgeSite({ linkUp }: { linkUp: boolean }): Promise<Site> {
  const cloud = await startMosquitto()
  const link = await startProxy({ to: cloud.port })
  link.dial.refuse = !linkUp
  const subscriber = await connectAsync({ host: '127.0.0.1', port: cloud.port, reconnectPeriod: 0 })
  onStop(() => subscriber.endAsync(true))
  const payloads: Buffer[] = []
  subscriber.on('message', (_topic, payload) => payloads.push(payload))
  await subscriber.subscribeAsync('telemetry/#', { qos: 1 })
  const site = await startMosquitto({
    config: `
      connection cloud
      address 127.0.0.1:${link.port}
      topic telemetry/# out 1
      cleansession false
      notifications false
      restart_timeout 1`.replace(/^ +/gm, ''),
  })
  const keyOf = (payload: Buffer): string => {
    const { ts, value } = JSON.parse(payload.toString()) as { ts: number; value: number }
    return key(ts, value)
  }
  return { port: site.port, link, confirmed: () => payloads.length, arrived: () => payloads.map(keyOf) }
}

/** Edge, the same cloud broker, and a receiver. A reading is confirmed when the edge has its receipt on disk. */
export async function startTidegateSite(options: { linkUp: boolean; lingerMs: number }): Promise<Site> {
  const cloud = await startMosquitto()
  const link = await startProxy({ to: cloud.port })
  link.dial.refuse = !options.linkUp
  const receiver = await startReceiver(cloud.url)
  const edge = await BenchEdge.start({ uplinks: [{ name: 'cloud', url: link.url, lingerMs: options.lingerMs }] })
  const confirmed = openForReading(join(edge.folder, 'tidegate.db'))
    .prepare('SELECT coalesce(sum(last - first + 1), 0) FROM confirmed')
    .pluck()
  const arrived = (): string[] => {
    const rows = receiver.database.prepare('SELECT ts, value FROM readings').all() as { ts: number; value: number }[]
    return rows.map(({ ts, value }) => key(ts, value))
  }
  return {
    port: edge.port,
    link,
    confirmed: () => Math.min(Number(confirmed.get()), receiver.number('SELECT count(*) FROM readings')),
    arrived,
  }
}
