import { createRequire } from 'node:module'
import type { get } from 'sparkplug-payload'

type Codec = NonNullable<ReturnType<typeof get>>
type Payload = ReturnType<Codec['decodePayload']>

export type Metric = NonNullable<Payload['metrics']>[number]

/** Name of the metric with which a host asks for all births anew (Sparkplug 3.0.0, 5.17). */
export const REBIRTH = 'Node Control/Rebirth'

let loaded: Codec | undefined

/** Eclipse Tahu's codec, read when a first payload is wanted: edges without Sparkplug do without it. */
function codec(): Codec {
  if (loaded === undefined) {
    const tahu = createRequire(import.meta.url)('sparkplug-payload') as { get: typeof get }
    loaded = tahu.get('spBv1.0')!
  }
  return loaded
}

/** One metric as a part of a payload: parts may be joined in any number (protobuf concatenates repeated fields). */
export function encodeMetric(metric: Metric): Uint8Array {
  return codec().encodePayload({ metrics: [metric] })
}

/** Time of publishing and sequence number of a payload, to be followed by its metrics; NDEATH has no number. */
export function encodeHead(timestamp: number, seq?: number): Uint8Array {
  return codec().encodePayload(seq === undefined ? { timestamp } : { timestamp, seq })
}

/** Whether a command of a host asks for all births; false for whatever is no payload of Sparkplug. */
export function asksForRebirth(payload: Uint8Array): boolean {
  return decoded(payload)?.metrics?.some(({ name, value }) => name === REBIRTH && value === true) ?? false
}

function decoded(payload: Uint8Array): Payload | undefined {
  try {
    return codec().decodePayload(payload)
  } catch {
    return undefined // anybody may publish there, anything
  }
}
