import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { decodeReceipt, type Receipt } from '../../src/codec/receipt.ts'
import type { Link } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { type Receiver, startReceiver } from '../../src/receiver/receiver.ts'
import type { Sink } from '../../src/receiver/sink.ts'
import { type ReceiverSettings, receiverSettings } from '../../src/settings/receiver.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { EDGE } from './batches.ts'

export function settingsFor(url: string, more: Partial<ReceiverSettings> = {}): ReceiverSettings {
  const cloud = { url, backoffMinMs: 10, backoffMaxMs: 50 }
  return { ...receiverSettings.parse({ cloud }), ...more }
}

/** A receiver that has subscribed, stopped after the test file at the latest. */
export async function startReceiving(
  url: string,
  sink: Sink,
  more?: Partial<ReceiverSettings>,
  clock: Clock = systemClock,
): Promise<Receiver> {
  const receiver = await startReceiver(settingsFor(url, more), { log: silentLog, clock, sink })
  onStop(() => receiver.stop())
  await until(() => receiver.stats().connected, { what: 'the receiver is connected' })
  return receiver
}

/** The uplink of an edge, reduced to its messages to and from the receiver. */
export interface TestEdge {
  readonly link: Link
  readonly receipts: Receipt[]
  send(lane: string, payload: Uint8Array, edge?: string): Promise<void>
  /** Waits until `count` receipts have arrived, and returns them. */
  received(count: number): Promise<Receipt[]>
}

let edges = 0

export async function startEdge(url: string, edge = EDGE): Promise<TestEdge> {
  const receipts: Receipt[] = []
  const link = await openLink({
    url,
    clientId: `edge-${++edges}`,
    session: false,
    keepaliveS: 30,
    connectTimeoutMs: 5_000,
    onMessage: (_topic, payload) => {
      const decoded = decodeReceipt(payload)
      if (!decoded.ok) throw new Error(decoded.reason)
      receipts.push(decoded.receipt)
    },
  })
  onStop(() => link.close())
  await link.subscribe(`tidegate/${edge}/down/receipt`, 1)
  return {
    link,
    receipts,
    send: async (lane, payload, from = edge) => {
      await link.publish(`tidegate/${from}/up/${lane}`, payload, { qos: 1 })
    },
    received: async (count) => {
      await until(() => receipts.length >= count, { what: `${count} receipts` })
      return receipts
    },
  }
}
