import type { StoredReading } from '../../base/reading.ts'
import { base64, numberJson, reasonsText } from '../../base/reading-text.ts'
import type { Origin } from '../../codec/batch.ts'

/**
 * A reading as a JSON object that needs nothing beside it; `edge`, `epoch` and `seq` are its identity. `unit` is left out
 * where there is none, `reasons` where there are none. The kind of a value is that of JSON, unless `type` stands beside:
 * of bytes there is the base64 (`"bytes"`), of an infinity the text "Infinity" or "-Infinity" (`"number"`).
 */
export function readingObject(reading: StoredReading, { edge, epoch }: Pick<Origin, 'edge' | 'epoch'>): string {
  const { seq, device, metric, unit, ts, quality, reasons } = reading
  const series = `"device":${JSON.stringify(device)},"metric":${JSON.stringify(metric)}`
  const identity = `"edge":${JSON.stringify(edge)},"epoch":${JSON.stringify(epoch)},"seq":${seq}`
  const measured = unit === undefined ? '' : `,"unit":${JSON.stringify(unit)}`
  const why = reasons === 0 ? '' : `,"reasons":"${reasonsText(reasons)}"`
  return `{${series}${measured},"ts":${ts},${valueFields(reading)},"quality":${quality}${why},${identity}}`
}

function valueFields({ value }: StoredReading): string {
  if (value instanceof Uint8Array) return `"value":"${base64(value)}","type":"bytes"`
  if (typeof value !== 'number') return `"value":${JSON.stringify(value)}`
  return `"value":${numberJson(value)}${Number.isFinite(value) ? '' : ',"type":"number"'}`
}
