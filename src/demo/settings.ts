import { join } from 'node:path'
import { type EdgeSettings, edgeSettings } from '../settings/edge.ts'
import { type ReceiverSettings, receiverSettings } from '../settings/receiver.ts'

export const EDGE_NAME = 'demo-plant'

/** Rules under which every kind of flag shows within a minute; a real plant waits longer for most of them. */
const QUALITY = [
  {
    match: '*/temperature',
    range: { fail: [-40, 125], suspect: [-30, 45] },
    spike: { suspect: 5, fail: 100 },
    flat: { suspectS: 3, failS: 12, tolerance: 0.02, minSamples: 5 },
    staleS: 120,
    gapS: 60,
  },
  { match: '*/pressure', range: { fail: [0, 16], suspect: [2.5, 6] }, rate: { suspect: 2, fail: 6 } },
  { match: '*/vibration', range: { fail: [0, 45], suspect: [0, 7.1] } },
  { match: '*/volume', type: 'number', range: { fail: [0, 1e9] } },
  { match: '*/open', type: 'boolean' },
]

/** Coming back quickly is worth more here than sparing a cloud that a thousand edges share. */
const BACK_SOON = { backoffMinMs: 200, backoffMaxMs: 1_000, connectTimeoutMs: 2_000 }
/** Batches that reached the cloud's broker before the receiver had come back are not answered. */
const CONFIRM_TIMEOUT_MS = 2_000
/** Loopback only: there is no access control here. */
export const HOST = '127.0.0.1'

interface Places {
  /** Folder of everything that the demo keeps. */
  readonly data: string
  readonly cloudPort: number
}

export function demoEdge({
  data,
  cloudPort,
  mqttPort,
  webPort,
}: Places & { mqttPort: number; webPort: number }): EdgeSettings {
  return edgeSettings.parse({
    edge: EDGE_NAME,
    data: join(data, 'edge'),
    broker: { tcp: { host: HOST, port: mqttPort } },
    quality: QUALITY,
    uplinks: [{ url: urlOf(cloudPort), confirmTimeoutMs: CONFIRM_TIMEOUT_MS, statusEveryMs: 5_000, ...BACK_SOON }],
    web: { host: HOST, port: webPort },
  })
}

/** Settings of the cloud's broker, which is the edge's own kind of broker with nothing behind it. */
export function demoCloud(port: number): EdgeSettings['broker'] {
  return edgeSettings.parse({ edge: 'cloud', broker: { tcp: { host: HOST, port } } }).broker
}

export function demoReceiver({ data, cloudPort }: Places): ReceiverSettings {
  return receiverSettings.parse({ cloud: { url: urlOf(cloudPort), ...BACK_SOON }, data: join(data, 'received') })
}

export function urlOf(port: number): string {
  return `mqtt://${HOST}:${port}`
}
