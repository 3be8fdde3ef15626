import type { StoredReading } from '../../base/reading.ts'
import { base64, numberJson, reasonsText } from '../../base/reading-text.ts'
import type { Origin } from '../../codec/batch.ts'

/**
 * A reading as a self-contained JSON object; `edge`, `epoch` and `seq` are its identity. `unit` and `reasons` are
 * left out if there are none. The kind of a value is its JSON type unless `type` is present: `"bytes"` is base64
 * text, and `"number"` is an infinity as the text "Infinity" or "-Infinity".
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
