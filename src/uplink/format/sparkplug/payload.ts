import { createRequire } from 'node:module'
import type { org } from 'sparkplug-payload/lib/sparkplugPayloadProto.js'
import { incompatiblePackage } from '../../../base/pinned-package.ts'

type Payload = typeof org.eclipse.tahu.protobuf.Payload
export type Metric = org.eclipse.tahu.protobuf.Payload.IMetric

/** Name of the metric with which a host asks for all births anew (Sparkplug 3.0.0, 5.17). */
export const REBIRTH = 'Node Control/Rebirth'

let loaded: Payload | undefined

/**
 * Eclipse Tahu's reader and writer, loaded with the first payload: edges without Sparkplug do without it. Not by its front
 * door, which writes the datatype into data messages too (§6.4.6 would rather not have it there).
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

/** @throws OperatorError where the installed package lacks the private part that Tidegate uses */
export function assertSparkplugPackage(): void {
  codec()
}

/** One metric as a part of a payload: parts may be joined in any number (protobuf concatenates repeated fields). */
export function encodeMetric(metric: Metric): Uint8Array {
  return codec()
    .encode({ metrics: [metric] })
    .finish()
}

/** Time of publishing and sequence number of a payload, to be followed by its metrics; NDEATH has no number. */
export function encodeHead(timestamp: number, seq?: number): Uint8Array {
  return codec()
    .encode(seq === undefined ? { timestamp } : { timestamp, seq })
    .finish()
}

/** Whether a command of a host asks for all births; false for whatever is no payload of Sparkplug. */
export function asksForRebirth(payload: Uint8Array): boolean {
  try {
    return codec()
      .decode(payload)
      .metrics.some(({ name, booleanValue }) => name === REBIRTH && booleanValue === true)
  } catch {
    return false // anybody may publish there, anything
  }
}
