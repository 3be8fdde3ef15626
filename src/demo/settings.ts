import { join } from 'node:path'
import { type EdgeSettings, edgeSettings } from '../settings/edge.ts'
import { type ReceiverSettings, receiverSettings } from '../settings/receiver.ts'

export const EDGE_NAME = 'demo-plant'

/** Quality rules that produce every kind of flag within a minute; the limits of a real plant are longer for most of them. */
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

/** Short pauses: the demo should reconnect quickly, and its cloud is not shared by a thousand edges. */
const RECONNECT_FAST = { backoffMinMs: 200, backoffMaxMs: 1_000, connectTimeoutMs: 2_000 }
/** Short: a batch that reaches the cloud broker before the receiver has reconnected is never answered. */
const CONFIRM_TIMEOUT_MS = 2_000
/** Loopback only, because the demo has no access control. */
export const HOST = '127.0.0.1'

interface Places {
  /** Folder for all data of the demo. */
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
    uplinks: [{ url: urlOf(cloudPort), confirmTimeoutMs: CONFIRM_TIMEOUT_MS, statusEveryMs: 5_000, ...RECONNECT_FAST }],
    web: { host: HOST, port: webPort },
  })
}

/** Settings of the cloud broker: the same broker as that of the edge, without a store. */
export function demoCloud(port: number): EdgeSettings['broker'] {
  return edgeSettings.parse({ edge: 'cloud', broker: { tcp: { host: HOST, port } } }).broker
}

export function demoReceiver({ data, cloudPort }: Places): ReceiverSettings {
  return receiverSettings.parse({ cloud: { url: urlOf(cloudPort), ...RECONNECT_FAST }, data: join(data, 'received') })
}

export function urlOf(port: number): string {
  return `mqtt://${HOST}:${port}`
}
