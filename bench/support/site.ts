import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { connectAsync } from 'mqtt'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startTidegate } from '../../support/process.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'
import { BenchEdge } from './edge.ts'

/** A reader waits so long for a writer's short locks. */
const READ_TIMEOUT_MS = 1_000

/** A broker at a site, a broker in the cloud, and the link between them, which counts. */
export interface Site {
  /** Devices publish here. */
  readonly port: number
  /** The link to the cloud. */
  readonly link: TcpProxy
  /** Readings that have arrived on the far side, and of which the site knows that. */
  confirmed(): number
  /** Time and value of every reading that has arrived, as `key` gives them. */
  arrived(): string[]
}

/** What tells one reading of a run from another. */
export function key(ts: number, value: number): string {
  return `${ts} ${value}`
}

/** The devices' topics of 38 characters, below which the bridge takes everything. */
export function topicOf(device: number): string {
  return `telemetry/machine-hall3-${String(device).padStart(2, '0')}/temperature`
}

/** Mosquitto to Mosquitto, as its manual has it: QoS 1, session kept, nothing thrown away, no messages of its own. */
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

/** Edge, the same cloud broker, and a receiver beside it; a reading counts when its receipt is back on the edge's disk. */
export async function startTidegateSite(options: { linkUp: boolean; lingerMs: number }): Promise<Site> {
  const cloud = await startMosquitto()
  const link = await startProxy({ to: cloud.port })
  link.dial.refuse = !options.linkUp
  const folder = tempFolder()
  const receiverFile = join(folder, 'receiver.yaml')
  writeFileSync(receiverFile, JSON.stringify({ cloud: { url: cloud.url }, data: folder, log: { level: 'error' } }))
  const receiver = startTidegate(['receive', '-s', receiverFile])
  await receiver.waitFor(/has started/)
  const edge = await BenchEdge.start({ uplinks: [{ name: 'cloud', url: link.url, lingerMs: options.lingerMs }] })
  const confirmedOf = countIn(join(edge.folder, 'tidegate.db'), 'SELECT sum(last - first + 1) FROM confirmed')
  const received = join(folder, 'received.db')
  const receivedOf = countIn(received, 'SELECT count(*) FROM readings')
  const arrived = (): string[] => {
    const database = new SQLite(received, { readonly: true, timeout: READ_TIMEOUT_MS })
    const rows = database.prepare('SELECT ts, value FROM readings').all() as { ts: number; value: number }[]
    database.close()
    return rows.map(({ ts, value }) => key(ts, value))
  }
  return { port: edge.port, link, confirmed: () => Math.min(confirmedOf(), receivedOf()), arrived }
}

/** Asks one number of a database that somebody else writes; 0 while it is not there. */
function countIn(file: string, sql: string): () => number {
  let ask: (() => number) | undefined
  return () => {
    if (ask === undefined) {
      if (!existsSync(file)) return 0
      const database = new SQLite(file, { readonly: true, timeout: READ_TIMEOUT_MS })
      onStop(() => void database.close())
      const statement = database.prepare(sql).pluck()
      ask = () => Number(statement.get() ?? 0)
    }
    return ask()
  }
}
