import { type Quality, type StoredReading, type Value, type ValueType, valueType } from '../../../base/reading.ts'
import { reasonsText } from '../../../base/reading-text.ts'
import type { KnownMetric } from '../metric-registry.ts'
import type { Metric, Property } from './payload.ts'

/** Datatype codes (Sparkplug 3.0.0, 6.4.16). */
export const Datatype = { INT32: 3, INT64: 4, DOUBLE: 10, BOOLEAN: 11, STRING: 12, BYTES: 17 } as const

const DATATYPE: Readonly<Record<ValueType, number>> = {
  number: Datatype.DOUBLE,
  boolean: Datatype.BOOLEAN,
  text: Datatype.STRING,
  bytes: Datatype.BYTES,
}

/** Quality codes (§6.4.9.1): bad, good, stale. */
const BAD = 0
const GOOD = 192
const STALE = 500

/** Sparkplug has no code for "suspect"; stale lies between good and bad. */
const QUALITY: Readonly<Record<Quality, number>> = { 1: GOOD, 2: GOOD, 3: STALE, 4: BAD, 9: BAD }

/** Whether the reading has the announced unit and kind of value. If not, the metric must be announced again first. */
export function isAsAnnounced({ kind: announced, latest }: KnownMetric, { unit, value }: StoredReading): boolean {
  const kind = valueType(value)
  return latest.unit === unit && (kind === undefined || kind === announced)
}

/**
 * A metric in a birth message: its definition and its last value. A metric that never had a value is announced as a
 * number.
 */
export function birthMetric({ alias, kind, latest }: KnownMetric, aliases: boolean): Metric {
  const unit: readonly Property[] = latest.unit === undefined ? [] : [text('engUnit', latest.unit)]
  return {
    name: latest.metric.toWellFormed(),
    ...(aliases && { alias }),
    datatype: DATATYPE[kind ?? 'number'],
    ...measured(latest),
    ...propertySet([...unit, quality(latest), ...reasons(latest)]),
  }
}

/**
 * A reading in a data message. No quality property means good (§6.4.9.1). `historical`: it is not the current value
 * (§6.4.6), because it is old, or from the future.
 */
export function dataMetric(
  reading: StoredReading,
  { alias }: KnownMetric,
  { aliases, historical }: { readonly aliases: boolean; readonly historical: boolean },
): Metric {
  const good = QUALITY[reading.quality] === GOOD
  return {
    ...(aliases ? { alias } : { name: reading.metric.toWellFormed() }),
    ...(historical && { isHistorical: true }),
    ...measured(reading),
    ...propertySet([...(good ? [] : [quality(reading)]), ...reasons(reading)]),
  }
}

function measured({ ts, value }: StoredReading): Metric {
  return { timestamp: timestampOf(ts), ...valueField(value) }
}

/** Sparkplug times are not negative. */
export function timestampOf(ts: number): number {
  return Math.max(0, ts)
}

function valueField(value: Value): Metric {
  if (typeof value === 'number') return { doubleValue: value }
  if (typeof value === 'boolean') return { booleanValue: value }
  if (typeof value === 'string') return { stringValue: value.toWellFormed() }
  return value === null ? { isNull: true } : { bytesValue: value }
}

function propertySet(properties: readonly Property[]): Metric {
  return properties.length === 0 ? {} : { properties }
}

function text(key: string, value: string): Property {
  return { key, type: Datatype.STRING, stringValue: value.toWellFormed() }
}

function quality(reading: StoredReading): Property {
  return { key: 'Quality', type: Datatype.INT32, intValue: QUALITY[reading.quality] }
}

function reasons(reading: StoredReading): readonly Property[] {
  return reading.reasons === 0 ? [] : [text('Reasons', reasonsText(reading.reasons))]
}
