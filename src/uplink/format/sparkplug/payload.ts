import { createRequire } from 'node:module'
import type { org } from 'sparkplug-payload/lib/sparkplugPayloadProto.js'
import { incompatiblePackage } from '../../../base/pinned-package.ts'

type Payload = typeof org.eclipse.tahu.protobuf.Payload
export type Metric = org.eclipse.tahu.protobuf.Payload.IMetric

/** Name of the metric with which a host requests all births again (Sparkplug 3.0.0, 5.17). */
export const REBIRTH = 'Node Control/Rebirth'

let loaded: Payload | undefined

/**
 * Eclipse Tahu's encoder and decoder, loaded with the first payload, so edges without Sparkplug never load it. The
 * package's main entry is not used: it writes the datatype into data messages too, which §6.4.6 advises against.
 */
function codec(): Payload {
  if (loaded === undefined) {
    const tahu = createRequire(import.meta.url)('sparkplug-payload/lib/sparkplugPayloadProto.js') as { org: typeof org }
    loaded = checked(tahu)
  }
  return loaded
}

function checked(tahu: { org?: typeof org }): Payload {
  const found: Partial<Payload> | undefined = tahu.org?.eclipse.tahu.protobuf.Payload
  if (typeof found?.encode !== 'function' || typeof found.decode !== 'function') {
    throw incompatiblePackage('sparkplug-payload', '`org.eclipse.tahu.protobuf.Payload` cannot encode and decode')
  }
  return found as Payload
}

/** @throws OperatorError if the installed package lacks the private part that Tidegate uses */
export function assertSparkplugPackage(): void {
  codec()
}

/** One metric as a part of a payload: any number of parts may be joined (protobuf concatenates repeated fields). */
export function encodeMetric(metric: Metric): Uint8Array {
  return codec()
    .encode({ metrics: [metric] })
    .finish()
}

/** Publish time and sequence number of a payload; its metrics follow. NDEATH has no sequence number. */
export function encodeHead(timestamp: number, seq?: number): Uint8Array {
  return codec()
    .encode(seq === undefined ? { timestamp } : { timestamp, seq })
    .finish()
}

/** Whether a host command requests all births; false for anything that is not a Sparkplug payload. */
export function asksForRebirth(payload: Uint8Array): boolean {
  try {
    return codec()
      .decode(payload)
      .metrics.some(({ name, booleanValue }) => name === REBIRTH && booleanValue === true)
  } catch {
    return false // any client may publish anything on this topic
  }
}
