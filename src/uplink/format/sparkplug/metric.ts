import { type Quality, type StoredReading, type ValueType, valueType } from '../../../base/reading.ts'
import { reasonsText } from '../../../base/reading-text.ts'
import type { KnownMetric } from '../census.ts'
import type { Metric } from './payload.ts'

/** Quality codes of Sparkplug (3.0.0, 6.4.9): bad, good, stale. */
const BAD = 0
const GOOD = 192
const STALE = 500

/** Of "suspect" Sparkplug knows nothing; stale is what it has between good and bad. */
const QUALITY: Readonly<Record<Quality, number>> = { 1: GOOD, 2: GOOD, 3: STALE, 4: BAD, 9: BAD }

const DATATYPE: Readonly<Record<ValueType, Metric['type']>> = {
  number: 'Double',
  boolean: 'Boolean',
  text: 'String',
  bytes: 'Bytes',
}

/** Whether the reading is of what its metric was announced as: another unit or kind of value must be announced first. */
export function isAsAnnounced({ kind: announced, latest }: KnownMetric, { unit, value }: StoredReading): boolean {
  const kind = valueType(value)
  return latest.unit === unit && (kind === undefined || kind === announced)
}

/** A metric in a birth: what it is, and where it stands. */
export function birthMetric({ alias, kind, latest }: KnownMetric, aliases: boolean): Metric {
  const unit = latest.unit === undefined ? {} : { engUnit: { type: 'String', value: wellFormed(latest.unit) } as const }
  return {
    name: wellFormed(latest.metric),
    ...(aliases && { alias }),
    ...measured(latest, kind),
    properties: { ...unit, Quality: { type: 'Int32', value: QUALITY[latest.quality] }, ...reasons(latest) },
  }
}

/** A reading in a data message. No quality means good (6.4.9). */
export function dataMetric(
  reading: StoredReading,
  { alias, kind }: KnownMetric,
  { aliases, historical }: { readonly aliases: boolean; readonly historical: boolean },
): Metric {
  const code = QUALITY[reading.quality]
  const quality = code === GOOD ? {} : { Quality: { type: 'Int32', value: code } as const }
  const properties = { ...quality, ...reasons(reading) }
  return {
    ...(aliases ? { alias } : { name: wellFormed(reading.metric) }),
    ...measured(reading, kind),
    ...(historical && { isHistorical: true }),
    ...(Object.keys(properties).length > 0 && { properties }),
  }
}

/** A metric that never had a value is called a number; its first value announces it anew. */
function measured(
  { ts, value }: StoredReading,
  kind: ValueType | undefined,
): Pick<Metric, 'timestamp' | 'type' | 'value'> {
  const plain = typeof value === 'string' ? wellFormed(value) : value
  return { timestamp: timestampOf(ts), type: DATATYPE[kind ?? 'number'], value: plain }
}

/** Times of Sparkplug are not negative. */
export function timestampOf(ts: number): number {
  return Math.max(0, ts)
}

function reasons(reading: StoredReading): NonNullable<Metric['properties']> {
  return reading.reasons === 0 ? {} : { Reasons: { type: 'String', value: reasonsText(reading.reasons) } }
}

/** Text as UTF-8 can carry it. */
function wellFormed(text: string): string {
  return text.toWellFormed()
}
