import { ProtobufWriter, protobufFields } from './protobuf.ts'

/** Name of the metric with which a host requests all births again (Sparkplug 3.0.0, 5.17). */
export const REBIRTH = 'Node Control/Rebirth'

/** Field numbers of the messages in sparkplug_b.proto (Sparkplug 3.0.0, 6.4.1): those that Tidegate reads or writes. */
const PAYLOAD = { timestamp: 1, metrics: 2, seq: 3 } as const
const METRIC = {
  ...{ name: 1, alias: 2, timestamp: 3, datatype: 4, isHistorical: 5, isNull: 7, properties: 9 },
  ...{ longValue: 11, doubleValue: 13, booleanValue: 14, stringValue: 15, bytesValue: 16 },
} as const
const PROPERTY_SET = { keys: 1, values: 2 } as const
const PROPERTY_VALUE = { type: 1, intValue: 3, stringValue: 8 } as const

/** A metric has at most one value. Integers are from 0 to 2^53 - 1, times are UTC milliseconds. */
export interface Metric {
  readonly name?: string
  readonly alias?: number
  readonly timestamp?: number
  readonly datatype?: number
  readonly isHistorical?: boolean
  readonly isNull?: boolean
  readonly properties?: readonly Property[]
  readonly longValue?: number
  readonly doubleValue?: number
  readonly booleanValue?: boolean
  readonly stringValue?: string
  readonly bytesValue?: Uint8Array
}

/** `type` is the datatype code of the value. */
export interface Property {
  readonly key: string
  readonly type: number
  readonly intValue?: number
  readonly stringValue?: string
}

/** One metric as a part of a payload: any number of parts may be joined (protobuf concatenates repeated fields). */
export function encodeMetric(metric: Metric): Uint8Array {
  const { properties } = metric
  const body = new ProtobufWriter()
    .string(METRIC.name, metric.name)
    .uint(METRIC.alias, metric.alias)
    .uint(METRIC.timestamp, metric.timestamp)
    .uint(METRIC.datatype, metric.datatype)
    .bool(METRIC.isHistorical, metric.isHistorical)
    .bool(METRIC.isNull, metric.isNull)
    .bytes(METRIC.properties, properties && encodeProperties(properties))
    .uint(METRIC.longValue, metric.longValue)
    .double(METRIC.doubleValue, metric.doubleValue)
    .bool(METRIC.booleanValue, metric.booleanValue)
    .string(METRIC.stringValue, metric.stringValue)
    .bytes(METRIC.bytesValue, metric.bytesValue)
  return new ProtobufWriter().bytes(PAYLOAD.metrics, body.finish()).finish()
}

function encodeProperties(properties: readonly Property[]): Uint8Array {
  const set = new ProtobufWriter()
  for (const { key } of properties) set.string(PROPERTY_SET.keys, key)
  for (const { type, intValue, stringValue } of properties) {
    const value = new ProtobufWriter()
      .uint(PROPERTY_VALUE.type, type)
      .uint(PROPERTY_VALUE.intValue, intValue)
      .string(PROPERTY_VALUE.stringValue, stringValue)
    set.bytes(PROPERTY_SET.values, value.finish())
  }
  return set.finish()
}

/** Publish time and sequence number of a payload; its metrics follow. NDEATH has no sequence number. */
export function encodeHead(timestamp: number, seq?: number): Uint8Array {
  return new ProtobufWriter().uint(PAYLOAD.timestamp, timestamp).uint(PAYLOAD.seq, seq).finish()
}

/** Whether a host command requests all births; false for anything that is not a Sparkplug payload. */
export function asksForRebirth(payload: Uint8Array): boolean {
  try {
    return [...protobufFields(payload)].some(({ field, value }) => field === PAYLOAD.metrics && isRebirth(value))
  } catch {
    return false // any client may publish anything on this topic
  }
}

function isRebirth(metric: number | Uint8Array): boolean {
  if (typeof metric === 'number') throw new RangeError('a metric must be a message')
  const fields = new Map([...protobufFields(metric)].map(({ field, value }) => [field, value]))
  const name = fields.get(METRIC.name)
  const wanted = fields.get(METRIC.booleanValue)
  return (
    name instanceof Uint8Array && Buffer.from(name).toString() === REBIRTH && typeof wanted === 'number' && wanted > 0
  )
}
